"""The pages for redeeming a code and for bringing people."""

import re

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.models import ReferralCode
from apps.billing.services.referrals import attribution, rewards
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.billing import payment
from tests.factories.gifts import batch, invited, lines

pytestmark = pytest.mark.django_db


def page_of(workspace: Workspace, name: str) -> str:
    return f"/w/{workspace.slug}/billing/{name}"


def test_code_is_redeemed_and_the_page_says_what_it_brought(
    owner: Client, workspace: Workspace
) -> None:
    _, [code] = batch(credits_last_days=30)

    answer = owner.post(page_of(workspace, "redeem"), {"code": code}, follow=True)

    html = " ".join(answer.content.decode().split())
    assert answer.redirect_chain[0][1] == 302
    assert "700 credits ($1.00) were added." in html
    assert "Your balance is $2.00." in html
    assert code not in html
    assert lines(workspace.pk, "code") == [("GRANT", 10_000_000, 0)]


@pytest.mark.parametrize("code", ["", "WRONG", "x" * 201, "\x00", "<b>"])
def test_code_that_is_none_is_refused_at_its_field(
    owner: Client, workspace: Workspace, code: str
) -> None:
    answer = owner.post(page_of(workspace, "redeem"), {"code": code})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["code"]


def test_sixth_wrong_code_has_to_wait(owner: Client, workspace: Workspace) -> None:
    path = page_of(workspace, "redeem")

    answers = [owner.post(path, {"code": "WRONG"}) for _ in range(6)]

    assert [one.status_code for one in answers] == [422] * 5 + [429]
    assert b"More than 5 tries in 60 minutes." in answers[-1].content


def test_billing_role_may_redeem_and_a_developer_may_not(
    billing: Client, developer: Client, workspace: Workspace
) -> None:
    _, [code] = batch()
    path = page_of(workspace, "redeem")

    assert developer.post(path, {"code": code}).status_code == 404
    assert billing.post(path, {"code": code}).status_code == 302


def test_code_of_a_neighbour_is_not_shown_as_done(owner: Client, workspace: Workspace) -> None:
    other = WorkspaceFactory.create()
    _, [code] = batch()
    theirs = Client()
    theirs.force_login(owner_of(other))
    done = theirs.post(page_of(other, "redeem"), {"code": code})["Location"].rpartition("=")[2]

    html = owner.get(f"{page_of(workspace, 'redeem')}?done={done}").content.decode()

    assert "were added" not in html
    assert code[:13] not in html


def test_referral_page_shows_link_rules_and_masked_invitees(
    owner: Client, workspace: Workspace
) -> None:
    referral = invited(workspace, email="bea.secret@example.org")
    payment(referral.invitee_workspace)
    rewards.grant_due()
    invited(WorkspaceFactory.create(), email="x@neighbour.example")

    answer = owner.get(page_of(workspace, "referral"))

    html = " ".join(answer.content.decode().split())
    code = attribution.code_of(user=owner_of(workspace)).code
    assert f'value="http://testserver/r/{code}"' in html
    assert "<svg" in html
    assert "b…@e….org" in html
    assert "bea.secret" not in html
    assert "neighbour" not in html
    assert "100 credits each" in html
    assert "Sign-up: 100 credits" in html
    assert "First top-up: 700 credits" in html
    assert re.search(r'style="', html.partition("<main")[2]) is None


def test_referral_page_remembers_where_the_link_was_looked_at(
    owner: Client, workspace: Workspace
) -> None:
    first = owner.get(page_of(workspace, "referral"))
    again = owner.get(page_of(workspace, "referral"))

    assert ("device" in first.cookies, "device" in again.cookies) == (True, False)
    assert len(ReferralCode.objects.get(user=owner_of(workspace)).places) == 2


def test_referral_page_says_what_waits_and_why(owner: Client, workspace: Workspace) -> None:
    invited(workspace, email="x@mailinator.com")
    invited(workspace, email="y@example.org", confirmed=False)

    html = " ".join(owner.get(page_of(workspace, "referral")).content.decode().split())

    assert "We are checking this sign-up; nothing is granted meanwhile." in html
    assert "until they confirm their e-mail address" in html


def test_referral_page_of_who_owns_nothing_says_so(billing: Client, workspace: Workspace) -> None:
    html = billing.get(page_of(workspace, "referral")).content.decode()

    assert "You own no workspace, so your link earns nothing." in html
