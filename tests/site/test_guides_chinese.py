"""The guides in Chinese: the same as the English ones but for their words, and shown to who reads Chinese."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import gettext, override

from apps.site import guides
from apps.site.guides import facts, markdown, refusals, search

pytestmark = pytest.mark.django_db

CHINESE = "zh-hans"
_ENGLISH_FOLDER, _FOLDER = guides._FOLDERS[guides.ENGLISH], guides._FOLDERS[CHINESE]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NUMBER = re.compile(r"\d+")
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)
_CHINESE_LETTER = re.compile(r"[\u4e00-\u9fff]")
# Those of the guides that are written. All of them will be.
WRITTEN = [slug for slug in guides.SLUGS if (_FOLDER / f"{slug}.md").is_file()]


def _both(slug: str) -> tuple[str, str]:
    english, chinese = (folder / f"{slug}.md" for folder in (_ENGLISH_FOLDER, _FOLDER))
    return english.read_text("utf-8"), chinese.read_text("utf-8")


def _prose(slug: str) -> tuple[str, str]:
    english, chinese = _both(slug)
    return _FENCE.sub("", english), _FENCE.sub("", chinese)


@pytest.fixture
def chinese(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-CN"
    return client


@pytest.fixture
def only_english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No guide is there in Chinese."""
    guides._sources.cache_clear()
    monkeypatch.setitem(guides._FOLDERS, CHINESE, _FOLDER / "none")
    yield
    guides._sources.cache_clear()


# --------------------------------------------------------------------------- texts
def test_every_file_is_the_chinese_of_a_guide() -> None:
    assert {path.stem for path in _FOLDER.iterdir()} == set(guides.SLUGS)
    assert WRITTEN


@pytest.mark.parametrize("slug", WRITTEN)
def test_code_is_the_same(slug: str) -> None:
    english, chinese = _both(slug)

    assert _FENCE.findall(chinese) == _FENCE.findall(english)


@pytest.mark.parametrize("slug", WRITTEN)
def test_values_links_and_names_are_the_same(slug: str) -> None:
    english, chinese = _prose(slug)

    assert Counter(facts._NAME.findall(chinese)) == Counter(facts._NAME.findall(english))
    assert Counter(_LINK.findall(chinese)) == Counter(_LINK.findall(english))
    assert set(_CODE.findall(chinese)) == set(_CODE.findall(english))


@pytest.mark.parametrize("slug", WRITTEN)
def test_numbers_are_the_same(slug: str) -> None:
    """The English ones are those of the code (test_guides_text). Chinese may write more: "one dollar" is "1 美元"."""
    english, chinese = _prose(slug)

    assert Counter(_NUMBER.findall(english)) <= Counter(_NUMBER.findall(chinese))


@pytest.mark.parametrize("slug", WRITTEN)
def test_headings_and_tables_are_the_same(slug: str) -> None:
    english, chinese = _prose(slug)

    def cells(text: str) -> list[int]:
        return [line.count("|") for line in text.splitlines() if line.startswith("|")]

    assert _HEADING.findall(chinese) == _HEADING.findall(english)
    assert cells(chinese) == cells(english)


@pytest.mark.parametrize("slug", WRITTEN)
def test_words_are_ours(slug: str) -> None:
    _, chinese = _prose(slug)
    words = _LINK.sub("]", _CODE.sub("", chinese))

    # Full stops and commas are Chinese, letters and digits stand apart, and nobody is addressed solemnly.
    assert not re.search(r"[\u4e00-\u9fff][,;:!?.]|[,;:!?][\u4e00-\u9fff]", words)
    assert not re.search(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]", words)
    assert "您" not in chinese
    assert "！" not in chinese


@pytest.mark.parametrize("slug", WRITTEN)
def test_paragraph_is_one_line(slug: str) -> None:
    """A line's end in it would be shown as a blank between two Chinese letters."""
    _, chinese = _prose(slug)

    assert not re.search(r"[^\x00-\x7f]\n *[^\x00-\x7f]", chinese)


# --------------------------------------------------------------------------- pages
@pytest.mark.parametrize("slug", WRITTEN)
def test_guide_is_shown_in_chinese(slug: str, chinese: Client) -> None:
    page = chinese.get(f"/docs/{slug}")

    guide, html = page.context["guide"], page.content.decode()
    assert guide.language == CHINESE
    assert '<article class="guide-text" lang="zh-hans">' in html
    assert "{{" not in html
    # Emphasis beside Chinese punctuation is easily none.
    assert "**" not in re.sub(r"<pre.*?</pre>", "", str(guide.page.html), flags=re.DOTALL)
    for text in (guide.page.title, guide.page.summary):
        assert _CHINESE_LETTER.search(text) or text in {"Webhook"}
    assert guide.page.summary.endswith("。")
    assert len(guide.page.summary) < 80


@pytest.mark.parametrize("slug", WRITTEN)
def test_anchors_are_those_of_the_english_guide(slug: str) -> None:
    english = guides.guide_of(slug).page
    with override(CHINESE):
        chinese = guides.guide_of(slug).page

    assert [(h.level, h.anchor) for h in chinese.headings] == [
        (h.level, h.anchor) for h in english.headings
    ]
    assert all(f'id="{heading.anchor}"' in chinese.html for heading in chinese.headings)
    assert sorted(re.findall(r'<a href="([^"]+)"', chinese.html)) == sorted(
        re.findall(r'<a href="([^"]+)"', english.html)
    )


def test_index_lists_the_guides_in_chinese(chinese: Client) -> None:
    html = chinese.get("/docs/").content.decode()

    assert '<a href="/docs/quickstart">快速开始</a>' in html
    assert '<a href="/docs/webhooks">Webhook</a>' in html


@pytest.mark.usefixtures("only_english")
def test_guide_that_is_not_there_is_english(chinese: Client) -> None:
    page = chinese.get("/docs/quickstart")

    html = page.content.decode()
    assert page.status_code == 200
    assert '<html lang="zh-hans"' in html
    assert '<article class="guide-text" lang="en">' in html
    assert "<h1>Quickstart</h1>" in html
    assert "<td>Price a month</td>" in chinese.get("/docs/limits").content.decode()


@pytest.mark.parametrize("path", ["/docs/limits.md", "/docs/quickstart.md", "/llms.txt"])
def test_what_programs_read_is_english(path: str, client: Client) -> None:
    english = client.get(path).content

    answer = client.get(path, headers={"accept-language": "zh-CN"})
    assert (answer.content, answer.headers["Content-Language"]) == (english, "en")
    assert not _CHINESE_LETTER.search(english.decode())


def test_both_languages_are_kept_apart(client: Client) -> None:
    pages = [
        client.get("/docs/errors", headers={"accept-language": language}).context["guide"].page
        for language in ("zh-CN", "en", "zh-CN")
    ]

    assert [page.title for page in pages] == ["错误", "Errors", "错误"]


@pytest.mark.parametrize("slug", ["no-such-guide", "zh", "zh/quickstart", "zh%2Fquickstart"])
def test_only_guides_are_found(slug: str, chinese: Client) -> None:
    assert chinese.get(f"/docs/{slug}").status_code == 404
    assert chinese.get(f"/docs/{slug}.md").status_code == 404


def test_headings_without_an_anchor_each_are_malformed() -> None:
    text = "# 标题\n\n概要。\n\n## 一\n\n## 二\n"

    assert [h.anchor for h in markdown.page(text, slugs=[], anchors=["one", "two"]).headings] == [
        "one",
        "two",
    ]
    with pytest.raises(markdown.MalformedGuide):
        markdown.page(text, slugs=[], anchors=["one"])


# --------------------------------------------------------------------------- values
def test_tables_speak_the_language_of_the_guide() -> None:
    words = {*refusals.REFUSED.values(), *refusals.FAILED.values()}
    with override(CHINESE):
        errors = guides.text_of("errors", language=CHINESE)
        filled = [
            facts.filled_in(gettext(text))
            for one in words
            for text in (one.meaning, one.money, one.action)
        ]
        limits = guides.text_of("limits", language=CHINESE)
        features = [gettext(title) for title in facts._FEATURES.values()]

    assert all(text in errors for text in filled)
    assert all(f"| {title} | " in limits for title in features)


@pytest.mark.parametrize("days", [0, 1, 180])
def test_values_with_words_are_in_the_guide(days: int, settings: Any) -> None:
    settings.CREDITS_EXPIRE_DAYS = days

    with override(CHINESE):
        said = facts.FACTS["credits_end"]()

    assert said in guides.text_of("billing", language=CHINESE)


# --------------------------------------------------------------------------- search
def _found(query: str) -> list[tuple[str, str]]:
    return [(hit.guide.slug, hit.section.anchor) for hit in search.search(query)]


@pytest.mark.parametrize(
    ("query", "anchor"),
    [
        ("验证签名", "webhooks#verify-the-signature"),
        ("验证 签名", "webhooks#verify-the-signature"),
        ("签名验证", "webhooks#verify-the-signature"),
        ("Webhook签名", "webhooks#verify-the-signature"),
        ("安全重试", "tasks#repeat-safely"),
        ("退款", "billing#refunds"),
        ("hash_equals", "webhooks#php"),
        ("10701", "errors#every-refusal"),
    ],
)
def test_search_finds_in_chinese(query: str, anchor: str) -> None:
    slug, _, section = anchor.partition("#")

    with override(CHINESE):
        assert (slug, section) in _found(query)


def test_search_marks_the_words_and_links_the_section(chinese: Client) -> None:
    html = chinese.get("/docs/", {"q": "恒定时间"}).content.decode()

    assert 'href="/docs/webhooks#verify-the-signature"' in html
    assert "<mark>恒定时间</mark>" in html


def test_search_finds_in_the_language_shown() -> None:
    assert _found("签名") == []
    with override(CHINESE):
        assert _found("斑马") == []
        assert _found("签名 斑马") == []


def test_excerpt_is_short_and_cuts_no_word() -> None:
    chinese = "，".join(["我们会再发一次"] * 100) + "，签名" + "，不扣费" * 100
    english = " ".join(["delivery"] * 100) + " signature" + " again" * 100

    for text, word in ((chinese, "签名"), (english, "signature")):
        pieces = search._excerpt(text, [word])
        whole = "".join(piece.text for piece in pieces)
        assert [piece.text for piece in pieces if piece.is_hit] == [word]
        assert whole.startswith("… ")
        assert whole.endswith(" …")
        assert 200 < len(whole) < 300
    assert set(whole.split()) == {"…", *english.split()}


@pytest.mark.parametrize("text", ["", "签名", "signature"])
def test_excerpt_of_little_is_all_of_it(text: str) -> None:
    assert "".join(piece.text for piece in search._excerpt(text, ["签名"])) == text
