"""Somebody's link, from the visit to the sign-up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.accounts.models import User, Workspace
from apps.billing.models import Referral, ReferralCode
from apps.billing.services.referrals import attribution, touches
from apps.dashboard import signup
from tests.factories import WorkspaceFactory, owner_of

pytestmark = pytest.mark.django_db
PERSON = {"email": "bea@example.org", "password1": "correct horse battery"}


def code_of(workspace: Workspace) -> str:
    return attribution.code_of(user=owner_of(workspace)).code


def test_link_remembers_the_visit_and_shows_the_landing_page(
    client: Client, workspace: Workspace
) -> None:
    code = code_of(workspace)

    answer = client.get(f"/r/{code.upper()}")

    link, device = answer.cookies["referral"], answer.cookies["device"]
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert [touch.code for touch in touches.read(link.value)] == [code]
    assert (link["max-age"], link["httponly"], link["samesite"]) == (30 * 86_400, True, "Lax")
    assert (device["httponly"], touches.device_of(device.value)) == (True, device.value)
    assert "no-store" in answer.headers["Cache-Control"]
    assert ReferralCode.objects.get(code=code).clicks == 1


def test_link_that_nobody_has_answers_the_same(client: Client, workspace: Workspace) -> None:
    known, unknown = client.get(f"/r/{code_of(workspace)}"), Client().get("/r/zzzzzzzz")

    def seen(answer: Any) -> Any:
        headers = {name: value for name, value in answer.headers.items() if name != "Expires"}
        headers.pop("X-Request-Id", None)
        cookies = {name: len(morsel.value) for name, morsel in answer.cookies.items()}
        return answer.status_code, set(headers), cookies

    assert seen(known) == seen(unknown)


@pytest.mark.parametrize("code", ["x", "a" * 9, "a%20b", "%00%00", "../../w/", "ÄÄÄÄÄÄÄÄ"])
def test_link_that_cannot_be_one_is_the_landing_page_or_none(client: Client, code: str) -> None:
    answer = client.get(f"/r/{code}")

    assert answer.status_code in (302, 404)
    assert "referral" not in answer.cookies


def test_first_link_stays_and_a_later_one_does_not_write_over_it(
    client: Client, workspace: Workspace
) -> None:
    first, second = code_of(workspace), code_of(WorkspaceFactory.create())
    for code in (first, second, first):
        client.get(f"/r/{code}")

    kept = touches.read(client.cookies["referral"].value)
    client.post("/auth/signup/", PERSON)

    assert [touch.code for touch in kept] == [first, second]
    assert Referral.objects.across_workspaces().get().workspace == workspace


def test_sign_up_after_a_visit_is_attributed_with_its_workspace(
    client: Client, workspace: Workspace
) -> None:
    client.get(f"/r/{code_of(workspace)}")

    client.post("/auth/signup/", PERSON, REMOTE_ADDR="203.0.113.5")

    invitee = User.objects.get(email=PERSON["email"])
    referral = Referral.objects.of(workspace.pk).get()
    assert (referral.invitee, referral.invitee_workspace, referral.review) == (
        invitee,
        invitee.workspaces.get(),
        "none",
    )
    assert (referral.address_hash is None, referral.device_hash is None) == (False, False)


def test_sign_up_without_a_visit_brings_nobody_anything(
    client: Client, workspace: Workspace
) -> None:
    client.cookies["referral"] = "forged"

    answer = client.post("/auth/signup/", PERSON)

    assert (answer.status_code, Referral.objects.across_workspaces().count()) == (302, 0)


def test_who_has_an_account_is_never_attributed(client: Client, workspace: Workspace) -> None:
    someone = owner_of(WorkspaceFactory.create())
    client.get(f"/r/{code_of(workspace)}")

    client.post("/auth/login/", {"login": someone.email, "password": "correct horse"})

    assert Referral.objects.across_workspaces().count() == 0


def test_confirmed_address_lets_the_rewards_be_looked_at_at_once(
    client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(signup, "enqueue", asked.append)
    client.post("/auth/signup/", PERSON)
    [link] = [word for word in mail.outbox[0].body.split() if "/confirm-email/" in word]

    page = link.replace("http://testserver", "")
    client.post(page)

    assert asked == ["billing.rewards"]


def test_old_visits_do_not_count() -> None:
    old = touches._written([touches.Touch("aaaaaaaa", datetime.now(UTC) - timedelta(days=31))])

    assert touches.read(old) == []


@pytest.mark.parametrize("text", [None, "", "x", "a:b:c", "é"])
def test_text_that_is_not_ours_is_no_visit(text: str | None) -> None:
    assert touches.read(text) == []
    assert touches.device_of(text) is None
