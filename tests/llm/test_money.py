"""Many at once on little money: never more than there is, never less than there could be."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from apps.billing.models import CreditEntry, Wallet
from apps.catalog.llm.pricing import list_price
from apps.catalog.llm.registry import llm_model
from apps.gateway.app import make_app
from apps.gateway.surfaces import counting
from apps.llm.models import CreditBlock
from apps.providers.llm.base import Operation, Usage
from tests.llm.service import MODEL, Service, asking
from tests.llm.serving import served
from tests.llm_upstream.running import Running

pytestmark = pytest.mark.concurrency

CALLS, PAYABLE = 64, 10
WRITTEN = 50
_AT_ONCE = 32


def dearest() -> tuple[dict[str, Any], int]:
    """A request that uses all that is held for it, and what that is."""
    read = 0
    for _ in range(3):
        # How much is read depends on the text, which says how much is read.
        script = {"usage": {"prompt_tokens": read, "completion_tokens": WRITTEN}}
        body = asking(script, max_tokens=WRITTEN)
        shown = {name: value for name, value in body.items() if name != "model"}
        read = counting.measured(Operation.CHAT, shown, image_tokens=0).most
    price = list_price(llm_model(MODEL))
    assert price is not None
    return body, price.worst(Usage(input_tokens=read, output_tokens=WRITTEN))


def ask_all(services: list[Service], body: dict[str, Any]) -> Counter[int]:
    """How many of all calls were answered how."""
    with ThreadPoolExecutor(_AT_ONCE) as callers:
        asked = [
            callers.submit(services[number % len(services)].post, "chat/completions", body)
            for number in range(CALLS)
        ]
        return Counter(one.result().status_code for one in asked)


def balance(service: Service) -> tuple[int, int]:
    wallet = Wallet.objects.of(service.workspace.pk).get()
    return wallet.available, wallet.held


def test_as_many_calls_as_the_wallet_can_pay(service: Service) -> None:
    body, cost = dearest()
    poor = service.customer(points=cost * PAYABLE + cost - 1, rate_limit_per_minute=10_000)

    assert ask_all([poor], body) == {200: PAYABLE, 402: CALLS - PAYABLE}
    assert {(row.end, row.points, row.written_off) for row in poor.usage()} == {
        ("completed", cost, 0)
    }
    assert poor.spent() == cost * PAYABLE


@pytest.mark.parametrize("cap", ["cap_daily_points", "cap_monthly_points", "cap_total_points"])
def test_as_many_calls_as_the_cap_of_a_key_allows(service: Service, cap: str) -> None:
    body, cost = dearest()
    terms: dict[str, Any] = {cap: cost * PAYABLE + cost - 1, "rate_limit_per_minute": 10_000}
    capped = service.customer(**terms)

    answered = ask_all([capped], body)
    assert (answered[200], answered.total()) == (PAYABLE, CALLS)
    refused = capped.post("chat/completions", body)
    assert refused.json()["error"]["type"] == "spend_limit_reached"
    assert capped.spent() == cost * PAYABLE


def test_two_gateways_share_a_wallet_to_its_last_call(service: Service) -> None:
    body, cost = dearest()
    poor = service.customer(points=cost * PAYABLE, rate_limit_per_minute=10_000)
    with Running(served(make_app())) as other:
        both = [poor, replace(poor, url=other.url)]
        answered = ask_all(both, body)
        assert set(answered) <= {200, 402}
        assert answered[200] <= PAYABLE
        # What one of them held while the other looked is there again when all is quiet.
        poor.settled()
        for number in range(PAYABLE - answered[200]):
            assert both[number % 2].post("chat/completions", body).status_code == 200
        assert [one.post("chat/completions", body).status_code for one in both] == [402, 402]
        assert poor.spent() == cost * PAYABLE
    assert balance(poor) == (0, 0)


def test_what_one_gateway_holds_and_does_not_need_goes_to_the_other(service: Service) -> None:
    body, cost = dearest()
    poor = service.customer(points=cost * 2)
    with Running(served(make_app())) as other:
        assert poor.post("chat/completions", body).status_code == 200
        # At once: the first still has its block.
        second = replace(poor, url=other.url).post("chat/completions", body)
        assert second.status_code == 200, second.text
        assert poor.spent() == cost * 2


def test_a_block_grows_with_use_and_goes_back_when_idle(service: Service) -> None:
    for _ in range(40):
        assert service.chat("Hi", max_tokens=1_000).status_code == 200
    service.settled()

    sizes = list(
        CreditBlock.objects.of(service.workspace.pk)
        .order_by("created_at")
        .values_list("points", flat=True)
    )
    worst = sizes[0] // 4
    assert sizes[0] == 4 * worst
    assert all(size <= 10_000_000 // 4 for size in sizes)
    assert len(sizes) <= 10
    assert service.spent() == 40 * 25
    assert sum(_captured(service)) == 40 * 25


def test_a_call_that_ends_frees_what_was_held_for_it_at_once(service: Service) -> None:
    """Each of them holds nearly all of the wallet."""
    _, cost = dearest()
    poor = service.customer(points=cost + 1)

    answers = [poor.chat("Hi", max_tokens=WRITTEN) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert poor.spent() == 3 * 25


def _captured(service: Service) -> list[int]:
    entries = CreditEntry.objects.of(service.workspace.pk).filter(kind="CAPTURE")
    return [-(entry.available_delta + entry.held_delta) for entry in entries]
