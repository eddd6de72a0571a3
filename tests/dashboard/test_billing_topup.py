"""The top-up page and the page of one top-up, with the local Stripe behind them."""

from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.billing.models import TopUp
from tests.factories import WorkspaceFactory
from tests.payments.cards import USD, credited, start
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db
KEY = "0123456789abcdef"


@pytest.fixture
def cards(stripe_server: StripeServer, settings: Settings) -> StripeServer:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    return stripe_server


def page(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/billing/topup{rest}"


def test_form_leads_to_the_payment_page(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    answer = owner.post(page(workspace), {"preset": "20", "own": "", "client_key": KEY})

    top_up = TopUp.objects.of(workspace.pk).get()
    assert (answer.status_code, answer["Location"]) == (303, top_up.pay_url)
    assert (top_up.amount_points, top_up.state) == (20 * USD, "created")
    session = cards.get(top_up.ref)
    assert session["success_url"] == f"http://testserver{page(workspace, f'/{top_up.pk}')}"


def test_own_amount_wins_over_the_preset(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    owner.post(page(workspace), {"preset": "20", "own": "7.35", "client_key": KEY})

    assert TopUp.objects.of(workspace.pk).get().amount_points == 73_500_000


def test_form_sent_twice_is_one_topup(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    answers = [
        owner.post(page(workspace), {"preset": "20", "client_key": KEY})["Location"]
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert TopUp.objects.of(workspace.pk).count() == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"own": "2.99"}, "From $3.00."),
        ({"own": "0"}, "From $3.00."),
        ({"own": "-5"}, "From $3.00."),
        ({"own": "10000.01"}, "At most $10,000.00."),
        ({"own": "5.001"}, "2 decimal places"),
        ({"own": "1e9"}, "At most $10,000.00."),
        ({"own": "9" * 400}, "At most"),
        ({"own": "NaN"}, "Enter a number."),
        ({"own": "five"}, "Enter a number."),
        ({"preset": "13"}, "Some fields need another look."),
        ({}, "Choose an amount."),
        ({"own": "5", "client_key": "short"}, "Reload the page"),
        ({"own": "5", "client_key": "x" * 65}, "Some fields need another look."),
    ],
)
def test_bad_amounts_are_refused_beside_the_field(
    owner: Client, workspace: Workspace, cards: StripeServer, given: dict[str, str], words: str
) -> None:
    answer = owner.post(page(workspace), {"client_key": KEY} | given)

    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert not TopUp.objects.of(workspace.pk).exists()


def test_silent_stripe_is_said_and_the_form_keeps_its_key(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    cards.fault("POST /v1/checkout/sessions", "500", times=3, after=False)

    answer = owner.post(page(workspace), {"preset": "20", "client_key": KEY})

    text = answer.content.decode()
    assert (answer.status_code, "Nothing was charged" in text, f'value="{KEY}"' in text) == (
        422,
        True,
        True,
    )


def test_used_form_gets_a_new_key(owner: Client, workspace: Workspace, cards: StripeServer) -> None:
    owner.post(page(workspace), {"preset": "20", "client_key": KEY})

    answer = owner.post(page(workspace), {"preset": "50", "client_key": KEY})

    text = answer.content.decode()
    assert (answer.status_code, "another payment" in text, f'value="{KEY}"' in text) == (
        422,
        True,
        False,
    )


def test_without_a_key_there_are_no_cards(owner: Client, workspace: Workspace) -> None:
    shown = owner.get(page(workspace)).content.decode()
    answer = owner.post(page(workspace), {"preset": "20", "client_key": KEY})

    assert "does not take cards" in shown
    assert answer.status_code == 422
    assert not TopUp.objects.of(workspace.pk).exists()


def test_only_this_page_may_send_its_form_to_stripe(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    policies = [
        owner.get(path)["Content-Security-Policy"]
        for path in (page(workspace), f"/w/{workspace.slug}/keys/new")
    ]

    assert ["https://checkout.stripe.com" in policy for policy in policies] == [True, False]


# ------------------------------------------------------------------------------------- status
def shown(client: Client, workspace: Workspace, top_up: TopUp, **more: str) -> str:
    cache.clear()
    answer = client.get(page(workspace, f"/{top_up.pk}"), more)
    assert answer.status_code == 200
    return answer.content.decode()


def test_landing_page_credits_and_stops_asking(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    waiting = shown(owner, workspace, top_up)
    cards.pay(top_up.ref)
    done = shown(owner, workspace, top_up)

    assert ("Waiting for the payment." in waiting, "hx-get" in waiting) == (True, True)
    assert ("Credited $20.00." in done, "$21.00" in done, "Visa ending in 4242" in done) == (
        True,
        True,
        True,
    )
    assert ("tick-fast" in waiting, "tick-fast" in done) == (True, False)
    assert credited(workspace) == [200_000_000]


def test_polling_answers_with_the_part_alone(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)

    answer = owner.get(page(workspace, f"/{top_up.pk}"), headers={"hx-request": "true"})

    text = answer.content.decode()
    assert ("<html" in text, text.strip().startswith('<div id="topup-state"')) == (False, True)


def test_decline_is_shown_with_the_banks_reason(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    with pytest.raises(Exception, match="insufficient"):
        cards.pay(top_up.ref, card="4000000000009995")

    text = shown(owner, workspace, top_up)

    assert ("insufficient funds" in text, "Nothing was charged." in text, "Continue to payment" in text) == (
        True, True, True,
    )  # fmt: skip


def test_silent_stripe_leaves_the_page_as_it_was(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    cards.fault("GET /v1/checkout/sessions", "500", times=3)

    assert "Waiting for the payment." in shown(owner, workspace, top_up)


def test_payment_that_does_not_fit_gets_a_case_number(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).update(amount_points=30 * USD)

    text = shown(owner, workspace, top_up)

    assert ("we are checking it" in text, str(top_up.pk) in text, credited(workspace)) == (
        True,
        True,
        [],
    )


def test_cancel_ends_it(owner: Client, workspace: Workspace, cards: StripeServer) -> None:
    top_up = start(workspace)
    assert "Not paid yet." in shown(owner, workspace, top_up, left="1")

    owner.post(page(workspace, f"/{top_up.pk}/cancel"))

    assert "Cancelled." in shown(owner, workspace, top_up)
    assert cards.get(top_up.ref)["status"] == "expired"


def test_neighbours_topup_does_not_exist(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    theirs = start(WorkspaceFactory.create())

    found = owner.get(page(workspace, f"/{theirs.pk}")).status_code
    cancelled = owner.post(page(workspace, f"/{theirs.pk}/cancel")).status_code
    unknown = owner.get(page(workspace, f"/{uuid4()}")).status_code

    theirs.refresh_from_db()
    assert (found, cancelled, unknown, theirs.state) == (404, 404, 404, "created")
    assert str(theirs.pk) not in owner.get(page(workspace)).content.decode()


def test_portal_opens_for_a_customer(
    owner: Client, workspace: Workspace, cards: StripeServer
) -> None:
    before = owner.post(f"/w/{workspace.slug}/billing/portal")
    start(workspace)
    after = owner.post(f"/w/{workspace.slug}/billing/portal")

    assert before["Location"] == f"/w/{workspace.slug}/billing"
    assert (after.status_code, after["Location"].startswith(cards.url)) == (303, True)
