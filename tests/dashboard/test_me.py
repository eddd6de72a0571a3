import time
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from apps.accounts.models import User, Workspace
from apps.dashboard.devices import device
from apps.dashboard.middleware import SEEN_AT
from tests.factories import UserFactory, WorkspaceFactory, owner_of

_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0"


def signed_in(user: User, **headers: str) -> Client:
    """As a person does it, with the password."""
    client = Client(headers=headers)
    client.post("/auth/login/", {"login": user.email, "password": "correct horse"})
    return client


def test_profile_is_kept_and_used(workspace: Workspace, owner: Client) -> None:
    form = {"name": "Ana", "language": "zh-hans", "time_zone": "Asia/Shanghai"}

    answer = owner.post("/me/profile", form)

    user = owner_of(workspace)
    assert answer.headers["Location"] == "/me"
    assert (user.name, user.language, user.time_zone) == ("Ana", "zh-hans", "Asia/Shanghai")
    page = owner.post("/me/profile", form | {"time_zone": "Nowhere/Else"}).content.decode()
    assert "Asia/Shanghai" in owner.get("/me").content.decode()
    assert "选择" in page  # Django's own message


def test_times_are_shown_in_the_persons_zone(workspace: Workspace, owner: Client) -> None:
    path = f"/w/{workspace.slug}/settings/audit"
    owner.post(f"/w/{workspace.slug}/settings/name", {"name": "Other", "slug": workspace.slug})

    before = owner.get(path).content.decode()
    owner.post("/me/profile", {"language": "en", "time_zone": "Asia/Tokyo"})
    after = owner.get(path).content.decode()

    assert ' UTC"' in before
    assert ' JST"' not in before
    assert ' JST"' in after


def test_zone_that_this_machine_does_not_know_counts_as_utc(
    workspace: Workspace, owner: Client
) -> None:
    User.objects.filter(pk=owner_of(workspace).pk).update(time_zone="Atlantis/Deep")

    assert owner.get(f"/w/{workspace.slug}/").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "n" * 101),
        ("name", "a\0b"),
        ("language", "xx"),
        ("language", ""),
        ("time_zone", "Mars/Base"),
        ("time_zone", "../../etc/passwd"),
    ],
)
def test_profile_refuses_what_cannot_be(field: str, value: str, owner: Client) -> None:
    form = {"name": "Ana", "language": "en", "time_zone": "", field: value}

    answer = owner.post("/me/profile", form)

    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])


def test_sessions_are_listed_with_device_and_nobody_elses(db: None) -> None:
    user, other = UserFactory.create(), UserFactory.create()
    signed_in(other, user_agent="Opera OPR/9 on Linux")
    signed_in(user, user_agent=_FIREFOX)
    here = signed_in(user, user_agent="Chrome/140 Mac OS X")

    rows = here.get("/me/sessions").context["rows"]

    assert [(name, is_current) for _, name, is_current in rows] == [
        ("Chrome on macOS", True),
        ("Firefox on Windows", False),
    ]


def test_ended_session_is_signed_out(db: None) -> None:
    user = UserFactory.create()
    there, here = signed_in(user, user_agent=_FIREFOX), signed_in(user)
    WorkspaceFactory.create(owner=user)
    row = UserSession.objects.get(session_key=there.session.session_key)

    here.post(f"/me/sessions/{row.pk}/end")
    again = here.post(f"/me/sessions/{row.pk}/end")

    assert again.status_code == 404
    assert there.get("/me").status_code == 302
    assert here.get("/me").status_code == 200


def test_all_others_end_and_this_one_stays(db: None) -> None:
    user, other = UserFactory.create(), UserFactory.create()
    others = [signed_in(user) for _ in range(2)]
    stranger, here = signed_in(other), signed_in(user)

    here.post("/me/sessions/end")

    assert [client.get("/me").status_code for client in others] == [302, 302]
    assert (here.get("/me").status_code, stranger.get("/me").status_code) == (200, 200)


def test_session_of_somebody_else_is_out_of_reach(db: None) -> None:
    theirs = signed_in(UserFactory.create())
    row = UserSession.objects.get(session_key=theirs.session.session_key)
    me = signed_in(UserFactory.create())

    assert me.post(f"/me/sessions/{row.pk}/end").status_code == 404
    assert theirs.get("/me").status_code == 200


def test_ending_the_session_in_use_signs_out(db: None) -> None:
    here = signed_in(UserFactory.create())
    row = UserSession.objects.get(session_key=here.session.session_key)

    answer = here.post(f"/me/sessions/{row.pk}/end")

    assert answer.headers["Location"] == "/auth/login/"
    assert here.get("/me").status_code == 302


def test_session_notes_when_it_was_seen_every_ten_minutes(db: None) -> None:
    here = signed_in(UserFactory.create())
    row = UserSession.objects.get(session_key=here.session.session_key)

    here.get("/me")
    row_soon = UserSession.objects.get(pk=row.pk)
    session = here.session
    session[SEEN_AT] = int(time.time()) - 601
    session.save()
    here.get("/me")
    row_later = UserSession.objects.get(pk=row.pk)

    assert row_soon.last_seen_at == row.last_seen_at < row_later.last_seen_at


@pytest.mark.parametrize("path", ["/me/profile", "/me/sessions", "/w/new"])
def test_own_pages_send_who_is_not_signed_in_to_sign_in(
    path: str, client: Client, db: None
) -> None:
    assert client.get(path).headers["Location"] == f"/auth/login/?next={path}"


@pytest.mark.parametrize("path", ["/me", "/me/profile", "/me/sessions", "/w/new"])
def test_own_pages_cost_few_queries(
    path: str, owner: Client, django_assert_max_num_queries: Any
) -> None:
    owner.get(path)
    with django_assert_max_num_queries(12):
        assert owner.get(path).status_code == 200


def test_forms_need_their_token(workspace: Workspace) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner_of(workspace))

    for path in ("/me/profile", "/me/sessions/end", "/w/new"):
        assert strict.post(path, {"name": "a"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (iPhone; CPU) AppleWebKit Version/18 Mobile Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux) Chrome/140 Safari/537 Edg/140", "Edge on Linux"),
        ("curl/8", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_device_in_words(text: str, words: str) -> None:
    assert device(text) == words


def test_strangers_read_pages_as_their_browser_asks(client: Client, db: None) -> None:
    def shown(**headers: str) -> str:
        return client.get("/auth/login/", headers=headers).content.decode()

    assert '<html lang="en"' in shown()
    assert '<html lang="zh-hans"' in shown(accept_language="zh-CN,zh;q=0.9,en;q=0.5")
    assert '<html lang="en"' in shown(accept_language="fr")
    assert {"Accept-Language", "Cookie"} <= set(client.get("/terms").headers["Vary"].split(", "))


def test_language_that_a_stranger_chose_goes_before_the_browsers(client: Client, db: None) -> None:
    answer = client.post("/me/language", {"language": "zh-hans", "next": "/auth/login/"})

    page = client.get("/auth/login/", headers={"accept-language": "en"}).content.decode()
    assert answer.headers["Location"] == "/auth/login/"
    assert '<html lang="zh-hans"' in page
    assert (
        client.post("/me/language", {"language": "tlh", "next": "//evil.example"}).headers[
            "Location"
        ]
        == "/"
    )


def test_language_of_a_person_stays_with_them(workspace: Workspace, owner: Client) -> None:
    owner.post("/me/language", {"language": "zh-hans"})

    other = signed_in(owner_of(workspace))
    assert '<html lang="zh-hans"' in other.get(f"/w/{workspace.slug}/").content.decode()


def test_who_signs_up_in_a_language_keeps_it(client: Client, db: None) -> None:
    form = {"email": "wei@example.com", "password1": "correct horse battery"}

    client.post("/auth/signup/", form, headers={"accept-language": "zh-CN"})

    assert User.objects.get().language == "zh-hans"


def test_interfaces_answer_in_english_whatever_the_client_speaks(client: Client, db: None) -> None:
    answers = [
        client.get("/api/v1/task/none", headers={"accept-language": language}).content
        for language in ("en", "zh-CN")
    ]

    assert answers[0].isascii()
    assert answers[1].isascii()
