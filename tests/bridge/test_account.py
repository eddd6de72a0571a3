"""The scripted bridge's account: mode, hours, plan, captcha and ban; and its knobs."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    Standing,
)
from tests.bridge.customer import (
    NOT_CREATED,
    Customer,
)
from tests.bridge.running import RunningBridge
from tests.providers.wire import told


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
@pytest.mark.parametrize("by_path", [True, False])
def test_bridge_sees_which_mode_was_asked_for(bridge: RunningBridge, mode: str, by_path: bool):
    customer = Customer(bridge, mode_paths=by_path)

    customer.made("imagine", prompt="a city --turbo", mode=mode)

    asked = {"path": mode, "filter": ""} if by_path else {"path": "", "filter": mode}
    assert bridge.seen("ref-0001")["modes"] == [asked | {"flag": mode, "ran": mode}]


def test_fast_hours_run_out(customer: Customer):
    customer.bridge.knobs(fast_hours=1.5, fast_cost=0.5)

    made = [customer.made("imagine", prompt="a city", mode=mode) for mode in ("fast", "turbo")]
    exhausted = customer.made("imagine", prompt="a city", mode="fast")
    slow = customer.made("imagine", prompt="a city", mode="relax")

    assert [type(one) for one in made] == [Done, Done]
    assert told(exhausted) == (AccountNeedsOwner, Need.FAST_HOURS)
    assert isinstance(slow, Done)
    assert customer.check() == Standing(
        "Plan standard, 0 fast hours left.",
        plan="standard",
        fast_hours=0.0,
        has_relax=True,
        slots=3,
    )


def test_fast_hours_may_run_out_after_it_was_taken(customer: Customer):
    customer.bridge.knobs(fast_hours=0.0, exhausted="task")

    error = customer.made("imagine", prompt="a city", mode="fast")

    assert told(error) == (AccountNeedsOwner, Need.FAST_HOURS)
    assert error.ends_work


def test_the_smallest_plan_has_no_relax(customer: Customer):
    customer.bridge.knobs(plan="basic")

    assert told(customer.made("imagine", prompt="a city", mode="relax")) == NOT_CREATED
    assert (customer.check().plan, customer.check().has_relax) == ("basic", False)


def test_captcha_and_ban_stop_everything(customer: Customer):
    customer.bridge.knobs(captcha=True)
    captcha = [customer.made("imagine", prompt="a city"), customer.check()]
    customer.bridge.knobs(captcha=False, banned_until=4_000_000_000)
    banned = [customer.made("imagine", prompt="a city"), customer.check()]

    assert [told(error) for error in captcha] == [(AccountNeedsOwner, Need.CAPTCHA)] * 2
    assert [told(error) for error in banned] == [(AccountNeedsOwner, Need.BANNED)] * 2
    assert "planted-account-token" not in repr(captcha + banned)


def test_check_where_accounts_are_not_told(customer: Customer):
    for word in ("off", "admin"):
        customer.bridge.knobs(account_list=word)
        assert customer.check() == Standing(
            "The bridge takes the secret; it does not tell plan or hours."
        )


def test_wrong_secret(bridge: RunningBridge):
    stranger = Customer(bridge, secret="bad")

    errors = [stranger.check(), stranger.made("imagine", prompt="a city")]

    assert [told(error) for error in errors] == [(BadCredentials,)] * 2


@pytest.mark.parametrize(
    "values", [{"nothing": 1}, {"plan": 5}, {"captcha": "yes"}, {"delay": "1"}]
)
def test_a_knob_that_is_none_is_refused(bridge: RunningBridge, values: dict[str, Any]):
    before = bridge.knobs()

    with pytest.raises(ValueError, match=r"no knob|must be"):
        bridge.knobs(**values)
    assert bridge.knobs() == before


def test_two_bridges_know_nothing_of_each_other(make_bridge: Callable[[], RunningBridge]):
    first, second = Customer(make_bridge()), Customer(make_bridge())
    second.bridge.knobs(plan="pro")

    first.made("imagine", prompt="a city")

    assert first.bridge.totals()["tasks"] == 1
    assert second.bridge.totals()["tasks"] == 0
    assert first.check().plan == "standard"


def test_reset_forgets_everything(customer: Customer):
    customer.bridge.knobs(plan="pro")
    customer.made("imagine", prompt="a city")

    customer.bridge.reset()

    assert customer.bridge.totals() == {"states": 0, "tasks": 0, "submits": 0, "duplicates": 0}
    assert customer.bridge.knobs()["plan"] == "standard"
