"""Codes, referrals and corrections in the operator's console."""

import csv
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.billing import selectors as billing
from apps.billing.models import AdjustmentRequest, CodeBatch, RedeemCode, ReferralReward
from apps.billing.services import adjustments, codes
from apps.billing.services.codes import batches
from apps.billing.services.referrals import rewards
from tests.factories import UserFactory, owner_of
from tests.factories import gifts as make
from tests.factories.gifts import batch, invited

pytestmark = pytest.mark.django_db
DOLLAR = 10_000_000


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def staff_with(*permissions: str) -> Client:
    user = UserFactory.create(is_staff=True)
    names = [name.partition(".")[2] for name in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:billing_{model}_{page}", args=args)


# ---------------------------------------------------------------------------------- codes
NEW_BATCH = {
    "name": "Autumn fair",
    "prefix": "fair",
    "credits": "700",
    "count": "3",
    "credits_last_days": "90",
    "is_once_per_user": "on",
    "plan": "",
}


def test_operator_makes_exports_and_ends_a_batch(operator: Client, workspace: Workspace) -> None:
    made = operator.post(url("codebatch", "add"), NEW_BATCH)
    found = CodeBatch.objects.get()
    page = operator.get(url("codebatch", "change", found.pk)).content.decode()
    ask = operator.get(url("codebatch", "do", found.pk, "export"))

    file = operator.post(url("codebatch", "do", found.pk, "export"))
    again = operator.post(url("codebatch", "do", found.pk, "export"))
    head, *plain = [row[0] for row in csv.reader(file.content.decode().splitlines())]
    codes.redeem(workspace=workspace, user=owner_of(workspace), text=plain[0], ip="")
    ended = operator.post(url("codebatch", "do", found.pk, "void"))

    found.refresh_from_db()
    assert (made.status_code, found.prefix, found.points, found.count) == (302, "FAIR", DOLLAR, 3)
    assert "Export the codes" in page
    assert b"this one time" in ask.content
    assert (head, len(plain), "no-store" in file["Cache-Control"]) == ("code", 3, True)
    assert b"Nobody can read them again" in again.content
    assert (found.sealed_codes, found.exported_at is None, ended.status_code) == ("", False, 302)
    assert found.voided_at is not None
    history = operator.get(url("codebatch", "history", found.pk)).content.decode()
    assert history.index("Export the codes") < history.index("Void")
    shown = operator.get(url("codebatch", "changelist")).content.decode()
    assert "1 of 3" in shown
    assert plain[1] not in shown


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"prefix": "a-b"}, "prefix"),
        ({"count": "10001"}, "count"),
        ({"credits": "0"}, "credits"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at"),
        ({"credits_last_days": "9999"}, "credits_last_days"),
    ],
)
def test_batch_that_makes_no_sense_is_shown_at_its_field(
    operator: Client, wrong: dict[str, str], field: str
) -> None:
    answer = operator.post(url("codebatch", "add"), {**NEW_BATCH, **wrong})

    assert list(answer.context["adminform"].form.errors) == [field]
    assert CodeBatch.objects.count() == 0


def test_operator_ends_one_code(operator: Client) -> None:
    made, plain = batch(count=2)
    first = RedeemCode.objects.across_workspaces().filter(batch=made).earliest("pk")

    found = operator.get(url("redeemcode", "changelist"), {"q": plain[0][:13]})
    operator.post(url("redeemcode", "do", first.pk, "void"))

    first.refresh_from_db()
    assert plain[0][:13] in found.content.decode()
    assert first.voided_at is not None
    assert "/void/do/" not in operator.get(url("redeemcode", "change", first.pk)).content.decode()


def test_codes_need_their_permissions() -> None:
    made = batches.create(
        terms=batches.BatchTerms(name="A", prefix="AA", points=1, count=1), actor=make.operator()
    )
    looks = staff_with("billing.view_codebatch")

    answers = [
        looks.get(url("codebatch", "change", made.pk)).status_code,
        looks.post(url("codebatch", "do", made.pk, "export")).status_code,
        looks.post(url("codebatch", "add"), NEW_BATCH).status_code,
        staff_with("billing.change_codebatch")
        .get(url("codebatch", "do", made.pk, "export"))
        .status_code,
    ]

    assert answers == [200, 403, 403, 200]
    assert CodeBatch.objects.get().sealed_codes != ""


# ------------------------------------------------------------------------------ referrals
def test_operator_clears_a_referral_that_looked_wrong(
    operator: Client, workspace: Workspace
) -> None:
    referral = invited(workspace, email="x@mailinator.com")
    page = operator.get(url("referral", "change", referral.pk)).content.decode()

    silent = operator.post(url("referral", "do", referral.pk, "clear"), {"reason": ""})
    done = operator.post(url("referral", "do", referral.pk, "clear"), {"reason": "Known to us"})

    referral.refresh_from_db()
    assert "A throw-away mail domain" in page
    assert (silent.status_code, done.status_code) == (200, 302)
    assert (referral.review, referral.review_note) == ("cleared", "Known to us")
    assert rewards.grant_due() == 2


def test_operator_refuses_a_referral(operator: Client, workspace: Workspace) -> None:
    referral = invited(workspace, email="bea@example.org")
    rewards.grant_due()

    operator.post(url("referral", "do", referral.pk, "refuse"), {"reason": "Same person"})

    page = operator.get(url("referral", "change", referral.pk)).content.decode()
    listed = operator.get(url("referralreward", "changelist")).content.decode()
    assert "The sign-up does not count." in page
    assert "Taken back" in listed
    assert operator.get(url("referral", "do", referral.pk, "nothing")).status_code == 404


# ---------------------------------------------------------------------------- corrections
def correction(workspace: Workspace, amount: str, **more: str) -> dict[str, str]:
    return {"workspace": workspace.slug, "amount": amount, "reason": "Outage", **more}


def test_correction_shows_what_it_does_before_it_is_done(
    operator: Client, workspace: Workspace
) -> None:
    path = url("adjustmentrequest", "add")
    asked = correction(workspace, "5")

    first = operator.post(path, asked)
    other = operator.post(path, {**asked, "amount": "6", "confirmed": f"{workspace.slug} 50000000"})
    before = billing.wallet(workspace_id=workspace.pk).available
    done = operator.post(path, {**asked, "confirmed": f"{workspace.slug} 50000000"})

    page = operator.get(done["Location"]).content.decode()
    assert b"Balance now $1.00, afterwards $6.00." in first.content
    assert b"Balance now $1.00, afterwards $7.00." in other.content
    assert (before, billing.wallet(workspace_id=workspace.pk).available) == (DOLLAR, 6 * DOLLAR)
    assert "Before $1.00, after $6.00." in page


def test_large_correction_needs_another_operator(operator: Client, workspace: Workspace) -> None:
    asked = adjustments.ask(
        workspace_id=workspace.pk,
        points=50 * DOLLAR,
        reason="Outage",
        actor=User.objects.get(email="operator@example.com"),
    )
    path = url("adjustmentrequest", "do", asked.pk, "approve")
    second = Client()
    second.force_login(User.objects.create_superuser("second@example.com", "correct horse"))

    own = operator.post(path)
    shown = second.get(path)
    done = second.post(path)

    asked.refresh_from_db()
    assert b"A second person must approve it." in own.content
    assert b"Balance now $1.00, afterwards $51.00." in shown.content
    assert (done.status_code, asked.state) == (302, "done")


def test_correction_below_zero_says_so(operator: Client, workspace: Workspace) -> None:
    given = correction(workspace, "-5", confirmed=f"{workspace.slug} -50000000")

    answer = operator.post(url("adjustmentrequest", "add"), given)

    assert b"The balance would fall below zero." in answer.content
    assert AdjustmentRequest.objects.of(workspace.pk).count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"workspace": "nobody"},
        {"amount": "0"},
        {"amount": "0.00000001"},
        {"amount": "NaN"},
        {"reason": ""},
    ],
)
def test_correction_that_makes_no_sense_is_refused(
    operator: Client, workspace: Workspace, wrong: dict[str, str]
) -> None:
    answer = operator.post(url("adjustmentrequest", "add"), {**correction(workspace, "5"), **wrong})

    assert list(answer.context["form"].errors) == list(wrong)


def test_corrections_need_their_permissions(workspace: Workspace) -> None:
    looks = staff_with("billing.view_adjustmentrequest")

    assert looks.get(url("adjustmentrequest", "changelist")).status_code == 200
    assert looks.get(url("adjustmentrequest", "add")).status_code == 403


def test_every_page_opens_and_shows_no_code(operator: Client, workspace: Workspace) -> None:
    referral = invited(workspace, email="x@mailinator.com")
    made, [code] = batch()
    asked = adjustments.ask(
        workspace_id=workspace.pk, points=100 * DOLLAR, reason="Outage", actor=make.operator()
    )
    rows = {
        "referral": referral.pk,
        "referralreward": ReferralReward.objects.of(workspace.pk).get().pk,
        "codebatch": made.pk,
        "redeemcode": RedeemCode.objects.across_workspaces().get().pk,
        "adjustmentrequest": asked.pk,
    }
    pages = [url("codebatch", "add"), url("adjustmentrequest", "add")]
    for model, pk in rows.items():
        pages += [url(model, "changelist"), f"{url(model, 'changelist')}?q=a"]
        pages += [url(model, "change", pk), url(model, "history", pk)]

    answers = {page: operator.get(page) for page in pages}

    assert {page: one.status_code for page, one in answers.items()} == dict.fromkeys(pages, 200)
    assert [page for page, one in answers.items() if code in one.content.decode()] == []
