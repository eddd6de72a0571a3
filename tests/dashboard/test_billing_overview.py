"""The billing page, automatic top-ups and the saved card on it, and the strip about money above every page."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.billing.models import AutoTopUp, PaymentCustomer, Subscription, TopUp, Wallet
from apps.billing.services import movements
from apps.billing.services.auto_topup import watch
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, owner_of, task
from tests.factories.billing import payment, subscription
from tests.payments.automatic import ASKS_ALWAYS, save_card, started, switch_on
from tests.payments.cards import USD, credited
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db
FORM = {
    "is_on": "on",
    "threshold_usd": "5",
    "amount_usd": "20",
    "daily_cap_usd": "40",
    "monthly_cap_usd": "100",
}


@pytest.fixture
def cards(stripe_server: StripeServer, settings: Settings) -> StripeServer:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    return stripe_server


def at(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/billing{rest}"


def text(client: Client, path: str) -> str:
    return " ".join(client.get(path).content.decode().split())


# ------------------------------------------------------------------------------------ page
def test_page_says_how_the_money_stands(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    payment(workspace, credits_expire_at=timezone.now() + timedelta(days=9))
    task(workspace)

    found = owner.get(at(workspace))

    assert found.context["wallet"].available == 21 * USD - 10_000
    assert found.context["expiring"].points == 20 * USD
    assert [line.entry.kind for line, _ in found.context["rows"]] == ["HOLD", "PURCHASE", "GRANT"]
    assert [one.total_points for one in found.context["invoices"]] == [20 * USD]
    page = " ".join(found.content.decode().split())
    for words in ("$20.99", "Developer", "No card is saved.", "expires on", "Save a card first"):
        assert words in page


def test_page_of_a_viewer_has_the_balance_only(workspace: Workspace, viewer: Client) -> None:
    payment(workspace)

    page = text(viewer, at(workspace))

    assert ("$21.00" in page, "Newest transactions" in page) == (True, True)
    for words in ("Saved card", "Newest invoices", "Automatic top-up", "/billing/topup"):
        assert words not in page


def test_page_of_a_neighbour_shows_nothing_of_ours(
    workspace: Workspace, stranger: Client, cards: StripeServer
) -> None:
    payment(workspace)
    save_card(workspace, cards)
    theirs = Workspace.objects.exclude(pk=workspace.pk).get()

    page = stranger.get(at(theirs))

    assert (list(page.context["invoices"]), page.context["card"]) == ([], None)
    assert [line.entry.kind for line, _ in page.context["rows"]] == ["GRANT"]


def test_page_costs_the_same_for_any_number_of_rows(
    owner: Client,
    workspace: Workspace,
    cards: StripeServer,
    django_assert_max_num_queries: Any,
) -> None:
    switch_on(workspace, cards)
    payment(workspace)
    task(workspace)
    owner.get(at(workspace))
    with django_assert_max_num_queries(14) as few:
        owner.get(at(workspace))
    for _ in range(3):
        payment(workspace)
        task(workspace)

    with django_assert_max_num_queries(len(few)):
        owner.get(at(workspace))


def test_expired_card_is_said(owner: Client, workspace: Workspace, cards: StripeServer) -> None:
    save_card(workspace, cards)
    fresh = text(owner, at(workspace))
    PaymentCustomer.objects.of(workspace.pk).update(card_exp_year=2020)

    assert ("expired" in fresh, "expired" in text(owner, at(workspace))) == (False, True)


# ------------------------------------------------------------------------ automatic top-up
def test_form_switches_it_on_and_off(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    save_card(workspace, cards)

    answers = [owner.post(at(workspace, "/auto-topup"), FORM).status_code]
    on = AutoTopUp.objects.of(workspace.pk).get()
    answers.append(owner.post(at(workspace, "/auto-topup"), FORM | {"is_on": ""}).status_code)
    off = AutoTopUp.objects.of(workspace.pk).get()

    assert (answers, on.is_on, off.is_on) == ([302, 302], True, False)
    assert (on.threshold_points, on.amount_points, on.daily_cap_points, on.monthly_cap_points) == (
        5 * USD,
        20 * USD,
        40 * USD,
        100 * USD,
    )
    assert "Below" not in text(owner, at(workspace))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"amount_usd": "2.99"}, "From $3.00."),
        ({"amount_usd": "1e9"}, "At most $10,000.00."),
        ({"amount_usd": "-20"}, "greater than or equal to 0"),
        ({"threshold_usd": "0"}, "The mark is from $0.01"),
        ({"threshold_usd": "1.005"}, "2 decimal places"),
        ({"daily_cap_usd": "19.99"}, "One top-up has to fit into a day: from $20.00"),
        ({"monthly_cap_usd": "39"}, "A day has to fit into a month: from $40.00"),
        ({"monthly_cap_usd": "9" * 400}, "Some fields need another look."),
        ({"threshold_usd": "NaN"}, "Enter a number."),
        ({"threshold_usd": ""}, "This field is required."),
    ],
)
def test_bad_amounts_are_refused_beside_the_field(
    owner: Client, workspace: Workspace, cards: StripeServer, given: dict[str, str], words: str
) -> None:
    save_card(workspace, cards)

    answer = owner.post(at(workspace, "/auto-topup"), FORM | given)

    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert not AutoTopUp.objects.of(workspace.pk).exists()


def test_without_a_card_the_form_does_nothing(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    answer = owner.post(at(workspace, "/auto-topup"), FORM)

    assert answer.status_code == 422
    assert not AutoTopUp.objects.of(workspace.pk).exists()


# ------------------------------------------------------------------------------------ card
def test_card_is_saved_on_the_way_back(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    away = owner.post(at(workspace, "/card"), {"client_key": uuid.uuid4().hex})
    page = away["Location"].rpartition("/")[2]
    cards.pay(page)
    back = cards.get(page)["success_url"].replace("{CHECKOUT_SESSION_ID}", page)

    landed = owner.get(back.removeprefix("http://testserver"), follow=True)

    assert (away.status_code, away["Location"].startswith(cards.url)) == (303, True)
    assert "The card is saved." in landed.content.decode()
    assert "Visa ending in 4242" in text(owner, at(workspace))


def test_card_page_of_a_neighbour_does_not_exist(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    other = WorkspaceFactory.create()
    save_card(other, cards)
    page = cards.client().v1.checkout.sessions.list().data[0].id

    answer = owner.get(at(workspace, f"/card/done?session={page}"))

    assert (answer.status_code, PaymentCustomer.objects.of(workspace.pk).exists()) == (404, False)


def test_removed_card_is_gone_from_the_page(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)

    owner.post(at(workspace, "/card/remove"))

    page = text(owner, at(workspace))
    assert ("No card is saved." in page, "Automatic top-ups stopped" in page) == (True, False)
    assert not AutoTopUp.objects.of(workspace.pk).get().is_on


@pytest.mark.parametrize("rest", ["/card", "/card/remove"])
def test_silent_stripe_is_said(
    owner: Client, workspace: Workspace, cards: StripeServer, rest: str
) -> None:
    save_card(workspace, cards)
    cards.fault("POST /v1/", "500", times=3, after=False)

    answer = owner.post(at(workspace, rest), follow=True)

    assert "Nothing changed" in answer.content.decode()
    assert PaymentCustomer.objects.of(workspace.pk).get().card_last4 == "4242"


def test_page_lets_its_forms_go_to_stripe(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    policy = owner.get(at(workspace)).headers["Content-Security-Policy"]

    assert "https://checkout.stripe.com" in policy.partition("form-action")[2].partition(";")[0]


# ---------------------------------------------------------------------------- confirmation
def test_waiting_payment_is_confirmed_at_the_bank(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards, ASKS_ALWAYS)
    watch.watch()
    top_up = TopUp.objects.of(workspace.pk).get()
    page = at(workspace, f"/topup/{top_up.pk}")

    seen = text(owner, page)
    answers = [owner.post(f"{page}/confirm") for _ in range(2)]
    cards.authenticate(top_up.ref)
    cache.clear()  # the page asks Stripe once in three seconds
    after = text(owner, page)

    assert ("Your bank wants to see you." in seen, "Credited $20.00." in after) == (True, True)
    assert {(one.status_code, one["Location"]) for one in answers} == {
        (303, f"{cards.url}/3ds/{top_up.ref}")
    }
    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])


def test_waiting_payment_can_be_given_up(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards, ASKS_ALWAYS)
    watch.watch()
    top_up = TopUp.objects.of(workspace.pk).get()

    owner.post(at(workspace, f"/topup/{top_up.pk}/cancel"))

    assert (started(workspace), cards.get(top_up.ref)["status"]) == (
        [("cancelled", 20)],
        "canceled",
    )


# ---------------------------------------------------------------------------------- strips
def _owes(workspace: Workspace) -> None:
    movements.claw_back(workspace_id=workspace.pk, points=4 * USD, reference="payment:x:1", note="")


def _past_due(workspace: Workspace) -> None:
    row = subscription(workspace)
    Subscription.objects.of(workspace.pk).filter(pk=row.pk).update(
        state="past_due", past_due_since=timezone.now()
    )


def _waits(workspace: Workspace) -> None:
    TopUp.objects.create(
        workspace=workspace,
        kind="auto",
        provider="stripe",
        client_key="waits",
        amount_points=20 * USD,
        state="needs_action",
    )


def _empty(workspace: Workspace) -> None:
    wallet = Wallet.objects.of(workspace.pk).get()
    points = wallet.available - 50_000
    movements.claw_back(workspace_id=workspace.pk, points=points, reference="payment:y:1", note="")


def _stopped(workspace: Workspace) -> None:
    AutoTopUp.objects.create(
        workspace=workspace,
        threshold_points=USD,
        amount_points=20 * USD,
        daily_cap_points=20 * USD,
        monthly_cap_points=20 * USD,
        stopped_reason="Your card was declined.",
    )


# Worst first: each one hides those after it.
STRIPS = [
    (_owes, "You owe $3.00."),
    (_past_due, "The last payment failed."),
    (_waits, "Your bank wants a confirmation."),
    (_empty, "The credits are used up."),
    (_stopped, "Automatic top-ups stopped."),
]


@pytest.mark.parametrize("first", range(len(STRIPS)))
def test_strip_shows_the_worst_only(workspace: Workspace, owner: Client, first: int) -> None:
    for wrong, _ in STRIPS[first:]:
        if first == 0 and wrong is _empty:
            continue  # who owes has nothing left to take
        wrong(workspace)

    page = text(owner, f"/w/{workspace.slug}/")

    assert [words for _, words in STRIPS if words in page] == [STRIPS[first][1]]


def test_no_strip_while_nothing_is_wrong(workspace: Workspace, owner: Client) -> None:
    assert 'aria-label="Money"' not in text(owner, f"/w/{workspace.slug}/")


def test_strip_of_a_suspended_workspace_is_about_that(workspace: Workspace, owner: Client) -> None:
    _owes(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(is_enabled=False)

    page = text(owner, f"/w/{workspace.slug}/")

    assert ("This workspace is suspended." in page, "You owe" in page) == (True, False)


def test_strip_of_money_costs_no_query_and_spares_the_one_for_accounts(
    workspace: Workspace, owner: Client, django_assert_num_queries: Any
) -> None:
    path = f"/w/{workspace.slug}/models"
    owner.get(path)
    with django_assert_num_queries(10, exact=False) as fine:
        owner.get(path)
    _stopped(workspace)

    with django_assert_num_queries(len(fine) - 1):
        owner.get(path)


def test_strip_of_a_neighbour_does_not_show(workspace: Workspace, stranger: Client) -> None:
    for wrong, _ in STRIPS[:3]:
        wrong(workspace)
    theirs = Workspace.objects.exclude(pk=workspace.pk).get()

    assert 'aria-label="Money"' not in text(stranger, f"/w/{theirs.slug}/")


def test_strip_has_a_button_for_those_who_may_pay(
    workspace: Workspace, owner: Client, developer: Client
) -> None:
    _owes(workspace)
    path = f"/w/{workspace.slug}/tasks"

    assert [
        f"/w/{workspace.slug}/billing/topup" in text(one, path) for one in (owner, developer)
    ] == [
        True,
        False,
    ]


def test_refused_task_leads_to_the_topup_page(db: None) -> None:
    workspace = WorkspaceFactory.create(points=9_999)
    owner = browser(owner_of(workspace))
    path = f"/w/{workspace.slug}/play/modelyard/illustration/text-to-image"

    page = " ".join(owner.post(path, {"prompt": "a fox"}).content.decode().split())

    after = page.partition("This task needs $0.001 and $0.0009999 is available.")[2]
    assert after.partition(">Top up</a>")[0].count("/billing/topup") == 1
