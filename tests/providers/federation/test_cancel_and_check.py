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
from tests.providers.federation.samples import (
    ACCESS,
    ELSEWHERE,
    HANDLE,
    ID,
    KEY,
    OUTPUT,
    PAGE,
    UNKNOWN,
    adapter,
    task,
)
from tests.providers.wire import Wire, answer, refusal, run, success, told

NO_BALANCE = "Plan unknown; the server does not tell the balance."


def test_cancel_deletes_the_task():
    asked = next(adapter.cancel(HANDLE, ACCESS))

    assert (asked.method, asked.url) == ("DELETE", f"https://upstream.example/api/v1/task/{ID}")


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (success(task("cancelled")), True),
        (success(None), True),
        (success(task("failed")), True),
        (success(task("processing")), False),
        (success(task("completed", output=OUTPUT)), False),
        (refusal(409, 10500), False),
        (refusal(404, 10400), False),
        (refusal(400, 10000), False),
        (answer(PAGE, 405), False),
    ],
)
def test_cancel_says_whether_it_will_not_run(answered: Response, expected: bool):
    assert run(adapter.cancel(HANDLE, ACCESS), answered) is expected


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (refusal(401, 10100), (BadCredentials,)),
        (refusal(500, 10900), ELSEWHERE),
        (answer(PAGE, 200), ELSEWHERE),
        (NoAnswer("Timed out.", sent=True), UNKNOWN),
    ],
)
def test_cancel_that_is_not_answered_leaves_it_open(answered: Any, expected: Any):
    assert told(run(adapter.cancel(HANDLE, ACCESS), answered)) == expected


@pytest.mark.parametrize(
    ("data", "sentence", "plan"),
    [
        (
            {"plan": "Developer", "wallet": {"balance": 123_456_789}},
            "Plan Developer, balance $12.34.",
            "developer",
        ),
        (
            {"plan": "premium", "equivalent_in_usd": 1234.567},
            "Plan premium, balance $1,234.56.",
            "premium",
        ),
        ({"plan": None, "wallet": {"balance": 200_000}}, "Plan unknown, balance $0.02.", None),
        (
            {"plan": "x" * 99, "wallet": []},
            f"Plan {'x' * 40}; the server does not tell the balance.",
            "x" * 40,
        ),
        ({"wallet": {"balance": "12"}}, NO_BALANCE, None),
        ({"equivalent_in_usd": 1e300}, NO_BALANCE, None),
        ({"wallet": {"balance": True}}, NO_BALANCE, None),
    ],
)
def test_check_tells_plan_and_balance(data: Any, sentence: str, plan: str | None):
    assert run(adapter.check(ACCESS), success(data)) == Standing(sentence, plan=plan)


@pytest.mark.parametrize("balance", [0, -5_000_000])
def test_check_of_an_empty_account_needs_the_owner_unless_it_spends_nothing(balance: int):
    data = {"plan": "developer", "wallet": {"balance": balance}}
    private = Access(ACCESS.base_url, KEY, {"service_mode": "private"})

    assert told(run(adapter.check(ACCESS), success(data))) == (AccountNeedsOwner, Need.BALANCE)
    found = run(adapter.check(private), success(data))
    assert found == Standing(f"Plan developer, balance ${balance / 10**7:.2f}.", plan="developer")


@pytest.mark.parametrize(
    "first", [answer(PAGE, 404), refusal(404, 10400), answer(PAGE, 200), success([])]
)
def test_check_asks_for_the_models_where_there_is_no_account_page(first: Response):
    wire = Wire(first, success([{}, {}, {}]))

    found = flow.run(adapter.check(ACCESS), wire)

    assert found == Standing("The server lists 3 models; it does not tell plan or balance.")
    assert [request.url for request in wire.requests] == [
        "https://upstream.example/account/info",
        "https://upstream.example/api/v1/models",
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([refusal(401, 10100)], (BadCredentials,)),
        ([refusal(403, 10302)], (AccountNeedsOwner, Need.SETUP)),
        ([refusal(429, 10700, retry_after="3")], (ProviderUnavailable, False, 3.0)),
        ([answer(PAGE, 502)], ELSEWHERE),
        ([answer(PAGE, 404), refusal(401, 10100)], (BadCredentials,)),
        ([answer(PAGE, 404), answer(PAGE, 200)], ELSEWHERE),
        ([answer(PAGE, 404), success({})], ELSEWHERE),
    ],
)
def test_check_says_what_is_wrong(answers: list[Response], expected: Any):
    assert told(run(adapter.check(ACCESS), *answers)) == expected
