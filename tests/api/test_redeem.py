"""POST /account/redeem."""

from typing import Any

import pytest

from apps.accounts.models import ApiKey, Workspace
from apps.billing.models import RedeemCode
from tests.api.conftest import Caller, caller_of
from tests.factories import owner_of
from tests.factories.gifts import batch, lines

pytestmark = pytest.mark.django_db
INVALID = (400, 10000, "This code is not valid.")


def told(answer: Any) -> tuple[int, int, str]:
    body = answer.json()
    return answer.status_code, body["error"]["code"], body["message"]


def test_code_brings_credits_once(api: Caller, workspace: Workspace) -> None:
    _, [code] = batch()

    answer = api.post("/account/redeem", {"code": code.lower()})

    assert answer.json() == {
        "code": 200,
        "data": {"credits": 700, "equivalent_in_usd": 1},
        "message": "success",
    }
    assert told(api.post("/account/redeem", {"code": code})) == INVALID
    assert lines(workspace.pk, "code") == [("GRANT", 10_000_000, 0)]


def test_numbers_are_what_was_promised(api: Caller) -> None:
    _, [code] = batch(points=1_428_571)

    answer = api.post("/account/redeem/", {"code": code})

    assert b'"data":{"credits":100,"equivalent_in_usd":0.1428571}' in answer.content


@pytest.mark.parametrize("code", [None, "", "  ", 5, ["a"], {"a": 1}, True])
def test_code_must_be_text(api: Caller, code: Any) -> None:
    status, number, message = told(api.post("/account/redeem", {"code": code}))

    assert (status, number, message) == (400, 10000, "code: Give the code as text.")


def test_sixth_wrong_code_is_429_with_the_time_to_wait(api: Caller) -> None:
    answers = [api.post("/account/redeem", {"code": "WRONG"}) for _ in range(6)]

    assert [told(one) for one in answers[:5]] == [INVALID] * 5
    assert told(answers[5])[:2] == (429, 10700)
    assert 0 < int(answers[5].headers["Retry-After"]) <= 3600


def test_person_who_made_the_key_redeems_one_of_a_batch(workspace: Workspace) -> None:
    callers = [caller_of(workspace), caller_of(workspace)]
    ApiKey.objects.of(workspace.pk).update(created_by=owner_of(workspace))
    _, plain = batch(count=2)

    answers = [
        caller.post("/account/redeem", {"code": code})
        for caller, code in zip(callers, plain, strict=True)
    ]

    assert answers[0].status_code == 200
    assert told(answers[1]) == (400, 10000, "You have redeemed a code of this kind before.")
    used = RedeemCode.objects.of(workspace.pk).get()
    assert used.redeemed_by == owner_of(workspace)


def test_key_needs_the_account_scope(workspace: Workspace) -> None:
    _, [code] = batch()

    assert told(caller_of(workspace, scopes=["tasks"]).post("/account/redeem", {"code": code}))[
        :2
    ] == (403, 10302)
