"""Renting seats: the price before, the payment page, more at once, fewer later, and what that means for accounts."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.selectors.subscriptions import seat_rows, seats_of
from apps.byoa.models import Account
from apps.byoa.services import seats as seated
from tests.dashboard.accounts import shown, url, words
from tests.factories import member, owner_of
from tests.factories.byoa import own_account
from tests.payments.conftest import cards
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import customer, free, set_seats, subscribed

__all__ = ["cards"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich(cards: StripeServer) -> Workspace:
    """A workspace with a plan that is paid by card."""
    workspace = free()
    subscribed(workspace, cards)
    return workspace


def path(workspace: Workspace, family: str = "midjourney") -> str:
    return url(workspace, "accounts_seats", family)


def signed_in(client: Client, workspace: Workspace) -> Client:
    client.force_login(owner_of(workspace))
    return client


def post(client: Client, workspace: Workspace, number: int, family: str = "midjourney") -> Any:
    page = client.get(f"{path(workspace, family)}?seats={number}").content.decode()
    key = re.search(r'name="client_key" value="([^"]+)"', page)
    assert key is not None
    form = {"client_key": key.group(1), "seats": str(number)}
    return client.post(path(workspace, family), form, follow=False)


def test_first_seats_are_paid_on_the_payment_page(client: Client, cards: StripeServer):
    workspace = free()
    signed_in(client, workspace)

    asked = shown(client, f"{path(workspace)}?seats=2")
    answer = post(client, workspace, 2)
    with cards.changing():
        session = cards.world.store.every("checkout.session")[-1]
    cards.pay(session["id"])
    back = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    page = client.get(back.removeprefix("http://testserver"), follow=True)

    assert "$16.00 a month , the first one today." in asked
    assert (answer.status_code, answer["Location"]) == (303, session["url"])
    assert page.redirect_chain[-1][0] == url(workspace, "accounts_family", "midjourney")
    assert "Your seats for Midjourney are ready." in words(page.content)
    assert "0 of 2 seats used" in words(page.content)
    assert seats_of(workspace_id=workspace.pk) == {"midjourney": 2}


def test_more_seats_are_charged_for_the_rest_of_the_period(client: Client, rich: Workspace):
    signed_in(client, rich)

    asked = shown(client, path(rich))
    page = client.get(post(client, rich, 1)["Location"])

    assert "About $10.00 today , for the time until" in asked
    assert "Then $10.00 a month for 1 seat." in asked
    assert "Midjourney has 1 seat now." in words(page.content)
    assert seats_of(workspace_id=rich.pk) == {"midjourney": 1}
    event = AuditEvent.objects.of(rich.pk).get(action="seats.changed")
    assert (event.actor, event.target, event.detail) == (owner_of(rich), "midjourney", {"seats": 1})


def test_fewer_seats_count_from_the_next_period_and_say_which_accounts_lose_theirs(
    client: Client, rich: Workspace
):
    set_seats(rich, "midjourney", 3)
    for _ in range(2):
        own_account(rich)
    signed_in(client, rich)

    asked = shown(client, f"{path(rich)}?seats=1")
    page = client.get(post(client, rich, 1)["Location"])

    assert "Nothing changes until" in asked
    assert "After that: 1 seat, $10.00 a month." in asked
    assert "1 account, the newest, loses its seat then" in asked
    assert "From the next period on: 1 seat for Midjourney." in words(page.content)
    row = seat_rows(workspace_id=rich.pk)[0]
    assert (row.quantity, row.next_quantity) == (3, 1)
    assert Account.objects.of(rich.pk).filter(seat_ended_at=None).count() == 2


def test_smaller_number_is_taken_back_without_a_charge(client: Client, rich: Workspace):
    set_seats(rich, "midjourney", 3)
    set_seats(rich, "midjourney", 1)
    signed_in(client, rich)

    asked = shown(client, f"{path(rich)}?seats=3")
    post(client, rich, 3)

    assert "You keep 3." in asked
    row = seat_rows(workspace_id=rich.pk)[0]
    assert (row.quantity, row.next_quantity) == (3, None)


def test_seat_that_comes_back_brings_its_account_with_it(client: Client, rich: Workspace):
    made = own_account(rich)
    seated.sync(workspace_id=rich.pk)
    signed_in(client, rich)

    post(client, rich, 1)

    made.refresh_from_db()
    assert made.seat_ended_at is None


def test_declined_card_says_why_and_changes_nothing(
    client: Client, rich: Workspace, cards: StripeServer
):
    signed_in(client, rich)
    cards.next_charge(customer(rich), "insufficient_funds")

    answer = post(client, rich, 1)

    assert answer.status_code == 422
    assert "Nothing was charged and nothing changed." in words(answer.content)
    assert seats_of(workspace_id=rich.pk) == {}


def test_form_that_is_sent_twice_rents_once(client: Client, rich: Workspace):
    signed_in(client, rich)
    page = client.get(path(rich)).content.decode()
    key = re.search(r'name="client_key" value="([^"]+)"', page)
    assert key is not None
    form = {"client_key": key.group(1), "seats": "1"}

    answers = [client.post(path(rich), form).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert seats_of(workspace_id=rich.pk) == {"midjourney": 1}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("-1", "greater than or equal to 0"),
        ("1001", "less than or equal to 1000"),
        ("x", "whole number"),
    ],
)
def test_number_that_makes_no_sense_is_refused(
    client: Client, rich: Workspace, asked: str, sentence: str
):
    signed_in(client, rich)

    answer = client.get(f"{path(rich)}?seats={asked}")

    assert answer.status_code == 422
    assert sentence in words(answer.content)
    assert b"Rent" not in answer.content.partition(b"<main")[2].partition(b"Show the price")[2]


def test_seats_in_packs_are_rented_by_the_pack(client: Client, rich: Workspace):
    signed_in(client, rich)

    odd = shown(client, f"{path(rich, 'suno')}?seats=3")
    post(client, rich, 2, "suno")

    assert "They come 2 at a time." in odd
    assert "These seats come 2 at a time." in odd
    assert seats_of(workspace_id=rich.pk) == {"suno": 2}


def test_installation_without_cards_says_so(client: Client, workspace: Workspace, settings: Any):
    settings.STRIPE_SECRET_KEY = ""
    signed_in(client, workspace)

    assert "does not take cards" in shown(client, path(workspace))


def test_billing_member_rents_seats_without_seeing_accounts(client: Client, rich: Workspace):
    client.force_login(member(rich, "billing"))

    answer = post(client, rich, 1)

    assert answer["Location"] == url(rich, "billing_plans")
    assert seats_of(workspace_id=rich.pk) == {"midjourney": 1}
    assert client.get(url(rich)).status_code == 404
    assert path(rich) in client.get(url(rich, "billing_plans")).content.decode()


def test_neighbour_rents_nothing_here(rich: Workspace, stranger: Client):
    assert stranger.post(path(rich), {"client_key": "a" * 32, "seats": "1"}).status_code == 404
    assert seats_of(workspace_id=rich.pk) == {}


def test_payment_page_of_somebody_else_is_not_found(
    client: Client, cards: StripeServer, rich: Workspace
):
    other = free()
    signed_in(client, other)
    with cards.changing():
        session = cards.world.store.every("checkout.session")[-1]

    done = url(other, "accounts_seats_done", "midjourney")
    assert client.get(f"{done}?session={session['id']}").status_code == 404
