"""How the scripted bridge fails and lies, and what the adapter makes of it."""

from typing import Any

import pytest

from apps.providers.base import (
    AccountNeedsOwner,
    Done,
    Need,
    ProviderRefused,
    Running,
)
from tests.bridge.customer import (
    NOT_CREATED,
    UNKNOWN,
    Customer,
    Why,
    adapter,
    ask,
    quarters,
    single_of,
)
from tests.providers.wire import told


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("moderated", (ProviderRefused, Why.MODERATED)),
        ("invalid", (ProviderRefused, Why.INVALID)),
        ("link", (ProviderRefused, Why.INVALID)),
        ("timeout", (ProviderRefused, Why.TIMEOUT)),
        ("broken", (ProviderRefused, Why.FAILED)),
        ("captcha", (AccountNeedsOwner, Need.CAPTCHA)),
        ("banned", (AccountNeedsOwner, Need.BANNED)),
        ("subscription", (AccountNeedsOwner, Need.SUBSCRIPTION)),
        ("fast_hours", (AccountNeedsOwner, Need.FAST_HOURS)),
        ("queue", NOT_CREATED),
    ],
)
def test_work_fails_for_every_reason(customer: Customer, word: str, expected: Any):
    error = customer.made("imagine", prompt=f"a city [fail={word}]")

    assert told(error) == expected
    assert error.ends_work


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("3", NOT_CREATED),
        ("4", (ProviderRefused, Why.INVALID)),
        ("9", UNKNOWN),
        ("23", NOT_CREATED),
        ("24", (ProviderRefused, Why.MODERATED)),
        ("429", NOT_CREATED),
        ("503", UNKNOWN),
        ("html", UNKNOWN),
        ("lost", UNKNOWN),
        ("dropped", UNKNOWN),
        ("no_account", NOT_CREATED),
        ("captcha", (AccountNeedsOwner, Need.CAPTCHA)),
        ("fast_hours", (AccountNeedsOwner, Need.FAST_HOURS)),
    ],
)
def test_submit_is_refused_for_every_reason(customer: Customer, word: str, expected: Any):
    assert told(customer.made("imagine", prompt=f"a city [refuse={word}]")) == expected


def test_a_lost_submit_is_found_and_not_done_twice(customer: Customer):
    work = customer.work("imagine", prompt="a city [refuse=lost]")
    lost = customer.submit(work)

    found = customer.look_up(work)
    customer.bridge.finish()

    assert told(lost) == UNKNOWN
    assert isinstance(customer.poll(found), Done)
    assert customer.bridge.totals() == {"states": 1, "tasks": 1, "submits": 1, "duplicates": 0}


def test_a_dropped_submit_never_arrived(customer: Customer):
    work = customer.work("imagine", prompt="a city [refuse=dropped]")

    assert told(customer.submit(work)) == UNKNOWN
    assert customer.look_up(work) is None


def test_a_form_that_was_lost_is_asked_for_again(customer: Customer):
    single = single_of(customer)
    # The press of the button is taken, the form is not.
    work = customer.work(
        "outpaint", after=single, zoom_ratio=1.7, prompt="a city [refuse=dropped][times=2]"
    )

    lost = customer.submit(work)
    looked_up = customer.look_up(work)
    again = customer.submit(work)
    customer.bridge.finish()

    assert told(lost) == UNKNOWN
    assert looked_up is None
    assert isinstance(customer.poll(again), Done)
    assert customer.bridge.totals()["duplicates"] == 0


@pytest.mark.parametrize("task_list", ["off", "blind"])
def test_a_bridge_that_cannot_be_looked_up_leaves_it_open(customer: Customer, task_list: str):
    customer.bridge.knobs(task_list=task_list)
    work = customer.work("imagine", prompt="a city [refuse=lost]")
    customer.submit(work)

    assert told(customer.look_up(work)) == UNKNOWN


def lied(customer: Customer, lie: str) -> Any:
    return customer.made("imagine", prompt=f"a city [lie={lie}]")


def test_unknown_status_and_work_without_end_run_on(customer: Customer):
    assert [type(lied(customer, lie)) for lie in ("unknown_status", "never")] == [Running] * 2


def test_finished_without_a_picture(customer: Customer):
    assert told(lied(customer, "no_image")) == (ProviderRefused, Why.FAILED)


def test_another_tasks_answer_is_nobodys(customer: Customer):
    assert told(lied(customer, "other_id")) == NOT_CREATED


def test_forgotten_work_has_failed(customer: Customer):
    assert told(lied(customer, "forgotten")) == (ProviderRefused, Why.FAILED)


def test_progress_that_goes_back_is_what_the_bridge_says(customer: Customer):
    customer.bridge.knobs(delay=3600.0, lie="progress_back")
    accepted = customer.submit(customer.work("imagine", prompt="a city"))
    [made] = customer.bridge.tasks()
    customer.bridge.age(made["id"], 0.5)

    assert [customer.poll(accepted).progress for _ in range(3)] == [80, 70, 60]


def test_two_results_are_two_answers(customer: Customer):
    accepted = customer.submit(customer.work("imagine", prompt="a city [lie=two_results]"))
    customer.bridge.finish()

    first, second = customer.poll(accepted), customer.poll(accepted)

    assert first.output != second.output
    assert quarters(customer.picture(first)) != quarters(customer.picture(second))


def test_cancel_stops_what_runs(customer: Customer):
    customer.bridge.knobs(delay=3600.0)
    accepted = customer.submit(customer.work("imagine", prompt="a city"))

    assert ask(adapter.cancel(accepted.handle, customer.access)) is True
    assert told(customer.poll(accepted)) == (ProviderRefused, Why.CANCELLED)


def test_cancel_of_what_is_done_or_cannot_be_stopped(customer: Customer):
    accepted = customer.submit(customer.work("imagine", prompt="a city"))
    customer.bridge.finish()

    assert ask(adapter.cancel(accepted.handle, customer.access)) is False
    customer.bridge.knobs(cancels=False)
    assert ask(adapter.cancel(accepted.handle, customer.access)) is False
