"""What a subscription at Stripe means, from its facts alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import PlanVersion
from apps.billing.gateways.stripe_subscriptions import Facts, InvoiceFacts, Item, Line
from apps.billing.models import StripePrice
from apps.billing.services.subscriptions import paying, reading
from apps.billing.services.subscriptions.prices import SeatPart, SeatPrice

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
DEVELOPER = PlanVersion(pk=1, plan="developer", version=1, price_points=150_000_000)
PREMIUM = PlanVersion(pk=2, plan="premium", version=1, price_points=600_000_000)
SEAT = SeatPart("kling", "each", 50_000_000)
MEANINGS = {"price_dev": DEVELOPER, "price_pre": PREMIUM, "price_seat": SEAT}


def item(price: str, quantity: int = 1, *, start: datetime = START) -> Item:
    return Item(f"si_{price}", price, quantity, start, start + (END - START))


def facts(*items: Item, status: str = "active", **more: Any) -> Facts:
    given: dict[str, Any] = {
        "cancels_at_period_end": False,
        "metadata": {},
        "invoice": "in_1",
        "invoice_status": "paid",
        "pay_url": "",
        "has_pending_update": False,
        "ended_at": None,
    }
    return Facts("sub_1", "cus_1", status, items, **(given | more))


def read(*items: Item, **more: Any) -> reading.Reading:
    return reading.read(facts(*items, **more), MEANINGS)


def test_plan_is_the_one_that_is_billed():
    told = read(item("price_pre"))

    assert (told.state, told.version_id, told.next_version_id, told.cancels) == (
        "active", 2, None, False,
    )  # fmt: skip
    assert (told.period_starts_at, told.period_ends_at) == (START, END)


def test_kept_plan_stays_until_its_period_is_over():
    kept = {"keep_plan": reading.keep(2, END)}

    before = read(item("price_dev"), metadata=kept)
    after = read(item("price_dev", start=END), metadata=kept)

    assert (before.version_id, before.next_version_id, before.cancels) == (2, 1, False)
    assert (after.version_id, after.next_version_id, after.cancels) == (1, None, False)


def test_plan_cancelled_beside_seats_ends_with_its_period():
    kept = {"keep_plan": reading.keep(2, END)}

    before = read(item("price_seat", 3), metadata=kept)
    after = read(item("price_seat", 3, start=END), metadata=kept)

    assert (before.version_id, before.next_version_id, before.cancels) == (2, None, True)
    assert (after.version_id, after.cancels) == (None, False)
    assert after.seats["kling"].quantity == 3


def test_fewer_seats_count_from_the_next_period_on():
    kept = {"keep_seats_kling": reading.keep(5, END)}

    before = read(item("price_seat", 2), metadata=kept).seats["kling"]
    after = read(item("price_seat", 2, start=END), metadata=kept).seats["kling"]

    assert (before.quantity, before.next_quantity) == (5, 2)
    assert (after.quantity, after.next_quantity) == (2, None)


def test_seats_given_up_entirely_stay_until_the_period_is_over():
    kept = {"keep_seats_kling": reading.keep(5, END)}

    before = read(item("price_dev"), metadata=kept).seats
    after = read(item("price_dev", start=END), metadata=kept).seats

    assert {name: (one.quantity, one.next_quantity) for name, one in before.items()} == {
        "kling": (5, 0)
    }
    assert after == {}


@pytest.mark.parametrize("text", ["", "2", "2@", "@1", "x@y", "-1@9999999999", "2@9@9"])
def test_word_that_is_none_of_ours_keeps_nothing(text: str):
    assert read(item("price_dev"), metadata={"keep_plan": text}).version_id == 1


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("incomplete", "incomplete"),
        ("incomplete_expired", "ended"),
        ("active", "active"),
        ("past_due", "past_due"),
        ("unpaid", "past_due"),
        ("canceled", "ended"),
    ],
)
def test_every_state_of_stripe_is_one_of_ours(status: str, state: str):
    assert read(item("price_dev"), status=status).state == state


@pytest.mark.parametrize(
    "told",
    [
        facts(item("price_other")),
        facts(item("price_dev"), item("price_pre")),
        facts(item("price_dev"), status="levitating"),
    ],
)
def test_what_we_did_not_sell_is_not_guessed_at(told: Facts):
    with pytest.raises(reading.UnknownPrice):
        reading.read(told, MEANINGS)


def test_page_to_pay_at_is_shown_only_while_something_waits():
    url = {"pay_url": "https://pay"}

    assert read(item("price_dev"), **url).pay_url == ""
    assert read(item("price_dev"), **url, has_pending_update=True).pay_url == "https://pay"
    assert read(item("price_dev"), **url, status="past_due").pay_url == "https://pay"


def test_first_and_further_seats_are_two_prices():
    price = SeatPrice("midjourney", 100, 60)

    assert {part.which: n for part, n in price.parts(3).items()} == {"first": 1, "further": 2}
    assert {part.which: n for part, n in price.parts(1).items()} == {"first": 1}
    assert price.parts(0) == {}


def test_seats_in_packs_are_counted_by_pack():
    parts = SeatPrice("suno", 50, 50, 2).parts(4)

    assert {(part.key, n) for part, n in parts.items()} == {("seat:suno:each:50:2", 2)}


# ------------------------------------------------------------------------------ credits
def invoice(*lines: tuple[str, int], ends_at: datetime = END) -> InvoiceFacts:
    total = sum(points for _, points in lines)
    return InvoiceFacts(
        ref="in_1",
        status="paid",
        subscription="sub_1",
        customer="cus_1",
        currency="usd",
        total_points=total,
        tax_points=0,
        paid_points=total,
        payment_ref="pi_1",
        lines=tuple(Line("a plan", price, 1, points, ends_at) for price, points in lines),
        paid_at=START,
        is_live=False,
    )


@pytest.fixture
def priced(db: None) -> None:
    for plan, price, monthly in (("developer", 150, 30), ("premium", 600, 100)):
        PlanVersion.objects.create(
            plan=plan,
            version=1,
            price_points=price * 1_000_000,
            monthly_credit_points=monthly * 1_000_000,
            share=1,
            concurrent_tasks=1,
            retention_days=1,
        )
        StripePrice.objects.create(key=f"plan:{plan}:1", ref=f"price_{plan}")
    StripePrice.objects.create(key="seat:kling:each:50000000", ref="price_seat")


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(
    ("lines", "points"),
    [
        ([("price_premium", 600_000_000)], 100_000_000),
        # Half a month: half of the new credits less half of the old.
        ([("price_developer", -75_000_000), ("price_premium", 300_000_000)], 35_000_000),
        ([("price_developer", -150_000_000), ("price_premium", 600_000_000)], 70_000_000),
        ([("price_seat", 50_000_000)], 0),
        ([("price_premium", 600_000_000), ("price_seat", 50_000_000)], 100_000_000),
        ([("price_unknown", 600_000_000)], 0),
        ([("price_premium", -600_000_000)], 0),
        ([], 0),
    ],
)
def test_monthly_credits_follow_the_money(lines: list[tuple[str, int]], points: int):
    assert paying.credits_of(invoice(*lines))[0] == points


@pytest.mark.usefixtures("priced")
def test_monthly_credits_of_all_parts_of_a_month_are_never_more_than_a_month():
    """However a month is cut into upgrades and back, rounding gives nothing away."""
    parts = [("price_premium", 600_000_000 * days // 30) for days in (1, 7, 11, 11)]

    assert sum(paying.credits_of(invoice(part))[0] for part in parts) <= 100_000_000


@pytest.mark.usefixtures("priced")
def test_credits_last_as_long_as_the_latest_line():
    later = END + timedelta(days=30)
    told = invoice(("price_premium", 1), ends_at=later)

    assert paying.credits_of(told)[1] == later
