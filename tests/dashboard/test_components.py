"""Components write what pages give them, and nothing of it as markup."""

from django.template import Context, Template

EVIL = "<script>alert(1)</script>"


def rendered(text: str, **context: object) -> str:
    return Template("{% load components %}" + text).render(Context(context))


def test_page_head_has_the_title_and_what_can_be_done():
    html = rendered(
        '{% page_head title "For apps." %}<a href="/new">New</a>{% endpage_head %}', title="Keys"
    )

    assert html.count("<h1") == 1
    assert all(part in html for part in ("Keys</h1>", "For apps.", '<a href="/new">New</a>'))


def test_page_head_without_actions_has_no_list_of_them():
    assert "btn-list" not in rendered('{% page_head "Keys" %}  {% endpage_head %}')


def test_texts_are_escaped_everywhere():
    tags = (
        "{% page_head evil evil %}{{ evil }}{% endpage_head %}",
        "{% stat evil evil unit=evil %}{{ evil }}{% endstat %}",
        "{% nothing evil evil %}{{ evil }}{% endnothing %}",
        '{% note "bad" evil %}{{ evil }}{% endnote %}',
        "{% chips evil items 1 %}",
        '{% copy_field evil evil id="a" %}',
        "{% meter 1 2 evil %}",
        "{% pager evil older=evil newest=evil is_later=True %}",
    )
    for tag in tags:
        html = rendered(tag, evil=EVIL, items=[(1, EVIL, EVIL)])
        assert "<script" not in html, tag
        assert "&lt;script" in html, tag


def test_number_is_named_by_its_title():
    html = rendered('{% stat "Success, 24 hours" 7 %}of 8{% endstat %}')

    assert 'aria-labelledby="stat-success-24-hours-h"' in html
    assert 'id="stat-success-24-hours-h"' in html


def test_chips_mark_what_is_chosen():
    html = rendered(
        '{% chips "Days" items 30 "/x" %}',
        items=[(7, "7 days", "days=7"), (30, "30 days", "days=30")],
    )

    chosen = html[html.index("days=30") :]
    assert 'aria-current="true"' in chosen
    assert html.count("aria-current") == 1


def test_pager_says_nothing_on_the_only_page():
    assert "<nav" not in rendered('{% pager "/x" %}')


def test_pager_leads_on_and_back_to_the_newest():
    html = rendered('{% pager "/x" older="after=2" newest="kind=a" is_later=True %}')

    assert 'href="/x?after=2"' in html
    assert 'href="/x?kind=a"' in html


def test_secret_is_in_a_field_that_cannot_be_edited():
    html = rendered('{% copy_field "my_secret" "Secret key" id="secret" is_main=True %}')

    assert "readonly" in html
    assert 'data-copy="#secret"' in html
    assert 'for="secret"' in html
