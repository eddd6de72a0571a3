"""Seats: rented at once, given back at the end of the period, never charged twice."""

import pytest

from apps.accounts.models import Workspace
from apps.billing.models import Payment, Seats
from apps.billing.selectors.subscriptions import seats_of
from apps.billing.services.subscriptions import change, start
from apps.core.errors import InvalidRequest
from apps.ops import audit
from tests.payments.cards import tell
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import (
    USD,
    asked,
    customer,
    free,
    live,
    page,
    plan_of,
    set_seats,
    subscribed,
)

pytestmark = pytest.mark.django_db


def paid(workspace: Workspace) -> list[int]:
    found = Payment.objects.of(workspace.pk).order_by("created_at")
    return [one.amount_points for one in found]


def rent(workspace: Workspace, cards: StripeServer, family: str, quantity: int) -> None:
    """Seats on a page of their own, paid."""
    assert set_seats(workspace, family, quantity).startswith("http")
    with cards.changing():
        session = str(cards.world.store.every("checkout.session")[-1]["id"])
    cards.pay(session)
    assert start.landed(workspace=workspace, session_ref=session)


def test_seats_without_a_plan_start_a_subscription(cards: StripeServer):
    workspace = free()

    rent(workspace, cards, "midjourney", 3)

    assert seats_of(workspace_id=workspace.pk) == {"midjourney": 3}
    assert plan_of(workspace) == ("hobbyist", None)
    assert paid(workspace) == [22 * USD]
    agreed = Seats.objects.of(workspace.pk).get()
    assert (agreed.first_points, agreed.further_points) == (10 * USD, 6 * USD)
    assert audit.differences() == []


def test_seats_of_two_families_and_a_plan_share_one_subscription(cards: StripeServer):
    workspace, neighbour = free(), free()
    row = subscribed(workspace, cards)

    assert set_seats(workspace, "kling", 2) == ""
    assert set_seats(workspace, "suno", 4) == ""
    tell(cards.events())

    assert seats_of(workspace_id=workspace.pk) == {"kling": 2, "suno": 4}
    assert seats_of(workspace_id=neighbour.pk) == {}
    assert (live(workspace).ref, plan_of(workspace)) == (row.ref, ("developer", 1))
    assert paid(workspace) == [15 * USD, 10 * USD, 10 * USD]


def test_fewer_seats_count_from_the_next_period_and_are_not_charged_again(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)
    set_seats(workspace, "midjourney", 3)

    set_seats(workspace, "midjourney", 1)
    one = Seats.objects.of(workspace.pk).get()
    assert (one.quantity, one.next_quantity) == (3, 1)
    set_seats(workspace, "midjourney", 4)
    one.refresh_from_db()
    assert (one.quantity, one.next_quantity) == (4, None)
    assert paid(workspace) == [15 * USD, 22 * USD, 6 * USD]

    set_seats(workspace, "midjourney", 1)
    cards.renew(row.ref)
    tell(cards.events())

    assert seats_of(workspace_id=workspace.pk) == {"midjourney": 1}
    assert paid(workspace)[-1] == 25 * USD
    assert audit.differences() == []


def test_last_seats_without_a_plan_end_the_subscription_with_its_period(cards: StripeServer):
    workspace = free()
    rent(workspace, cards, "kling", 2)
    row = live(workspace)

    set_seats(workspace, "kling", 0)
    assert (live(workspace).cancels_at_period_end, seats_of(workspace_id=workspace.pk)) == (
        True, {"kling": 2},
    )  # fmt: skip
    cards.renew(row.ref)
    tell(cards.events())

    row.refresh_from_db()
    assert (row.state, seats_of(workspace_id=workspace.pk)) == ("ended", {})


def test_last_seats_can_be_kept_after_all(cards: StripeServer):
    workspace = free()
    rent(workspace, cards, "kling", 2)
    set_seats(workspace, "kling", 0)

    set_seats(workspace, "kling", 2)

    assert not live(workspace).cancels_at_period_end
    assert paid(workspace) == [10 * USD]


def test_cancelled_plan_leaves_the_seats(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards, "premium")
    set_seats(workspace, "kling", 2)

    change.cancel(asked=asked(workspace))
    assert (plan_of(workspace), live(workspace).cancels_at_period_end) == (("premium", 1), True)
    cards.renew(row.ref)
    tell(cards.events())

    assert (plan_of(workspace), seats_of(workspace_id=workspace.pk)) == (
        ("hobbyist", None), {"kling": 2},
    )  # fmt: skip
    assert paid(workspace)[-1] == 10 * USD


def test_cancelled_plan_beside_seats_goes_on_when_taken_back(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)
    set_seats(workspace, "kling", 1)
    change.cancel(asked=asked(workspace))

    change.resume(asked=asked(workspace))
    cards.renew(row.ref)
    tell(cards.events())

    assert (plan_of(workspace), live(workspace).cancels_at_period_end) == (("developer", 1), False)
    assert paid(workspace)[-1] == 20 * USD


def test_plan_joins_seats_that_were_there_first(cards: StripeServer):
    workspace = free()
    rent(workspace, cards, "kling", 1)

    change.upgrade(asked=asked(workspace), plan="premium")

    assert (plan_of(workspace), seats_of(workspace_id=workspace.pk)) == (
        ("premium", 1), {"kling": 1},
    )  # fmt: skip
    assert paid(workspace) == [5 * USD, 60 * USD]


def test_declined_seats_change_nothing(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)
    cards.next_charge(customer(workspace))

    with pytest.raises(start.PaymentFailed):
        set_seats(workspace, "kling", 2)
    tell(cards.events())

    assert seats_of(workspace_id=workspace.pk) == {}
    assert paid(workspace) == [15 * USD]


@pytest.mark.parametrize(
    ("family", "seats"),
    [("kling", -1), ("kling", 1001), ("suno", 3), ("gold", 1), ("", 1), ("x" * 500, 1)],
)
def test_seats_that_do_not_exist_are_refused(cards: StripeServer, family: str, seats: int):
    workspace = free()

    with pytest.raises(InvalidRequest):
        set_seats(workspace, family, seats)


def test_dearer_seats_are_for_newcomers(cards: StripeServer, settings):
    workspace, newcomer = free(), free()
    rent(workspace, cards, "kling", 1)
    settings.SEAT_PRICES = {"kling": (9 * USD, 9 * USD, 1)}

    set_seats(workspace, "kling", 2)
    rent(newcomer, cards, "kling", 1)

    assert (paid(workspace), paid(newcomer)) == ([5 * USD, 5 * USD], [9 * USD])


def test_one_open_page_serves_seats_and_plans(cards: StripeServer):
    workspace = free()
    first = page(workspace, cards)

    set_seats(workspace, "kling", 1)

    assert cards.get(first)["status"] == "expired"
