from typing import Any

import pytest

from apps.core.wire import NoAnswer, Response
from apps.providers import flow
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderUnavailable,
    Standing,
)
from tests.providers.midjourney.samples import (
    ACCESS,
    ELSEWHERE,
    HANDLE,
    ID,
    PAGE,
    UNKNOWN,
    adapter,
    task,
    with_config,
)
from tests.providers.wire import Wire, answer, run, told

TOKEN = "planted-account-token-0123456789"
OK = answer(b"")


def test_cancel_asks_and_looks():
    wire = Wire(OK, answer(task("FAILURE")))

    assert flow.run(adapter.cancel(HANDLE, ACCESS), wire) is True
    assert [(request.method, request.url) for request in wire.requests] == [
        ("POST", f"https://bridge.example/mj/task/{ID}/cancel"),
        ("GET", f"https://bridge.example/mj/task/{ID}/fetch"),
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([OK, answer(task("CANCEL"))], True),
        ([OK, answer(b"")], True),
        ([OK, answer({"code": 3}, 404)], True),
        ([OK, answer(task("IN_PROGRESS"))], False),
        ([OK, answer(task("SUCCESS"))], False),
        ([answer(b"not allowed", 400)], False),
        ([answer(PAGE, 404)], False),
        ([answer(PAGE, 405)], False),
    ],
)
def test_cancel_says_whether_it_will_not_run(answers: list[Response], expected: bool):
    assert run(adapter.cancel(HANDLE, ACCESS), *answers) is expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer(b"no", 401)], (BadCredentials,)),
        ([answer(PAGE, 500)], ELSEWHERE),
        ([OK, answer(PAGE)], ELSEWHERE),
        ([OK, answer(task("FAILURE", id="7"))], ELSEWHERE),
        ([NoAnswer("Timed out.", sent=True)], UNKNOWN),
    ],
)
def test_cancel_that_is_not_answered_leaves_it_open(answers: list[Any], expected: Any):
    assert told(run(adapter.cancel(HANDLE, ACCESS), *answers)) == expected


# ----------------------------------------------------------------------------------------------- check


def account(**changes: Any) -> dict[str, Any]:
    """As bridges list it, with what must never leave the adapter."""
    return {
        "id": "channel-1",
        "channelId": "channel-1",
        "userToken": TOKEN,
        "enable": True,
        "lock": False,
        "disabledReason": None,
        "coreSize": 3,
        "subscribePlan": "Standard (Active monthly, renews next month)",
        "fastTimeRemaining": "12.5/15.0 hours (83.33%)",
        "fastExhausted": False,
    } | changes


def check(*answers: Any, access: Access = ACCESS) -> Any:
    return run(adapter.check(access), *answers)


def test_check_tells_plan_hours_and_slots():
    assert check(answer([account()])) == Standing(
        "Plan standard, 12.5 fast hours left.",
        plan="standard",
        fast_hours=12.5,
        has_relax=True,
        slots=3,
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subscribePlan": "BASIC"}, {"plan": "basic", "has_relax": False}),
        ({"subscribePlan": "Pro (Active yearly)"}, {"plan": "pro", "has_relax": True}),
        ({"subscribePlan": None, "plan": "mega"}, {"plan": "mega", "has_relax": True}),
        ({"subscribePlan": 7}, {"plan": None, "has_relax": None}),
        ({"subscribePlan": "procrastination"}, {"plan": None, "has_relax": None}),
        ({"fastTimeRemaining": "0/15 hours"}, {"fast_hours": 0.0}),
        ({"fastExhausted": True}, {"fast_hours": 0.0}),
        ({"fastTimeRemaining": 3}, {"fast_hours": 3.0}),
        ({"fastTimeRemaining": "lots"}, {"fast_hours": None}),
        ({"fastTimeRemaining": [1]}, {"fast_hours": None}),
        ({"coreSize": 0}, {"slots": None}),
        ({"coreSize": "12"}, {"slots": 12}),
        ({"coreSize": 10**9}, {"slots": None}),
    ],
)
def test_check_takes_only_what_can_be_true(changes: Any, expected: dict[str, Any]):
    found = check(answer([account(**changes)]))

    assert {name: getattr(found, name) for name in expected} == expected


def test_check_of_several_accounts_adds_up():
    listed = [
        account(),
        account(channelId="channel-2", subscribePlan="Basic", fastTimeRemaining="2/3.3 hours"),
        account(channelId="channel-3", enable=False),
    ]

    assert check(answer(listed)) == Standing(
        "2 accounts, 14.5 fast hours left.", plan=None, fast_hours=14.5, has_relax=True, slots=6
    )
    assert check(answer(listed), access=with_config(instance_id="channel-2")) == Standing(
        "Plan basic, 2 fast hours left.", plan="basic", fast_hours=2.0, has_relax=False, slots=3
    )


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({"lock": True}, Need.CAPTCHA),
        ({"enable": False}, Need.SETUP),
        ({"enable": False, "disabledReason": f"token {TOKEN} rejected"}, Need.SETUP),
        ({"enable": False, "disabledReason": "Your account has been blocked"}, Need.BANNED),
        ({"enable": False, "disabledReason": "Subscription expired"}, Need.SUBSCRIPTION),
        ({"lock": True, "disabledReason": "Captcha"}, Need.CAPTCHA),
    ],
)
def test_check_of_an_account_that_is_off_says_why(changes: Any, need: Need):
    error = check(answer([account(**changes)]))

    assert told(error) == (AccountNeedsOwner, need)
    assert TOKEN not in str(error)


def test_check_tells_when_a_ban_ends():
    told_until = "You are blocked until <t:4000000000:R>, or for 3 days"

    error = check(answer([account(enable=False, disabledReason=told_until)]))

    assert told(error) == (AccountNeedsOwner, Need.BANNED)


@pytest.mark.parametrize("listed", [[], [7, None], [account(channelId="x", id="x")]])
def test_check_of_a_bridge_without_the_account_needs_the_owner(listed: Any):
    error = check(answer(listed), access=with_config(instance_id="channel-1"))

    assert told(error) == (AccountNeedsOwner, Need.SETUP)


@pytest.mark.parametrize("first", [answer(PAGE, 404), answer(b"no", 403), answer(PAGE), answer({})])
def test_check_asks_for_a_task_where_accounts_are_not_told(first: Response):
    wire = Wire(first, answer([]))

    found = flow.run(adapter.check(ACCESS), wire)

    assert found == Standing("The bridge takes the secret; it does not tell plan or hours.")
    assert [(request.method, request.url, request.body) for request in wire.requests] == [
        ("GET", "https://bridge.example/mj/account/list", b""),
        ("POST", "https://bridge.example/mj/task/list-by-condition", b'{"ids":["0"]}'),
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer(b"no", 401), answer(b"no", 401)], (BadCredentials,)),
        ([answer(b"no", 403), answer(b"no", 403)], (BadCredentials,)),
        ([answer(PAGE, 502), answer(PAGE, 502)], ELSEWHERE),
        (
            [answer(PAGE, 429), answer(PAGE, 429, retry_after="3")],
            (ProviderUnavailable, False, 3.0),
        ),
        ([answer(PAGE, 404), answer(PAGE, 404)], (AccountNeedsOwner, Need.SETUP)),
        ([answer(PAGE), answer(PAGE)], (AccountNeedsOwner, Need.SETUP)),
        ([NoAnswer("Refused.", sent=False)], ELSEWHERE),
    ],
)
def test_check_says_what_is_wrong(answers: list[Any], expected: Any):
    assert told(check(*answers)) == expected


def test_no_secret_of_an_account_leaves_the_check():
    assert TOKEN not in repr(check(answer([account(fastTimeRemaining=TOKEN, subscribePlan=TOKEN)])))
