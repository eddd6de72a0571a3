"""A gateway that dies: what it had given out is charged by the next process, and nothing else is."""

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.db import connection

from apps.llm import policies
from apps.llm.models import CreditBlock
from tests.faults.dying import DIED
from tests.faults.llm_gateway import Gateway, gateway
from tests.llm.service import Service, asking, wait_for

pytestmark = pytest.mark.concurrency

READ, WRITTEN = 1.125, 4.5


def cost(read: int, written: int) -> int:
    return -int(-(read * READ + written * WRITTEN) // 1) if written else 0


def counted(script: Any) -> int:
    return policies.tokens_of(len(json.dumps(script)))


@contextmanager
def beside(service: Service, point: str = "") -> Iterator[tuple[Gateway, Service]]:
    """A second gateway, in a process of its own, on the same database and with journals in the same place."""
    with gateway(point, environment=_environment()) as process:
        yield process, replace(service, url=process.url)


def _environment() -> Mapping[str, str]:
    before, _, parameters = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    database = f"{before.rpartition('/')[0]}/{name}{'?' if parameters else ''}{parameters}"
    return {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database,
        "EGRESS_ALLOW": "127.0.0.0/8",
        "LLM_JOURNAL_DIR": str(django_settings.LLM_JOURNAL_DIR),
    }


def journals() -> list[Path]:
    return list(Path(django_settings.LLM_JOURNAL_DIR).glob("*.journal"))


def told(service: Service) -> list[tuple[Any, ...]]:
    return [
        (
            row.end,
            row.usage_source,
            row.input_tokens,
            row.output_tokens,
            row.points,
            row.written_off,
        )
        for row in service.usage_when(1)
    ]


def received(service: Service, script: Any, *, least: int, then: Any) -> int:
    """Words of a stream that came before it broke off; with so many of them there, `then` is done."""
    came = b""
    headers = {"authorization": f"Bearer {service.key}"}
    body = asking(script, stream=True)
    try:
        with httpx.stream(
            "POST", f"{service.url}/v1/chat/completions", json=body, headers=headers, timeout=30
        ) as answer:
            for piece in answer.iter_raw():
                came += piece
                if came.count(b" ABC") >= least and then is not None:
                    then, do = None, then
                    do()
    except httpx.TransportError:
        pass
    return came.count(b" ABC")


@pytest.mark.parametrize("is_telling", [True, False])
def test_a_stream_that_dies_with_its_gateway_costs_what_was_given_out(
    service: Service, is_telling: bool
) -> None:
    script = {"words": [" ABC"], "times": 5_000, "delay": 0.01, "is_telling": is_telling}
    with beside(service) as (process, asked):
        words = received(asked, script, least=20, then=process.kill)

        # Found and written down by the gateway that is left.
        [(end, source, read, written, points, written_off)] = told(service)
    assert (end, source, read) == ("gateway_lost", "counted", counted(script))
    # At most one piece was on its way.
    assert 20 <= words <= written <= words + 1
    assert (points, written_off) == (cost(read, written), 0)
    wait_for(lambda: len(journals()) == 1)
    assert service.spent() == points
    wait_for(lambda: service.provider.under_way == 0)


def test_a_call_that_was_waiting_for_its_provider_costs_nothing(service: Service) -> None:
    with beside(service) as (process, asked):
        with httpx.Client() as client:
            lost = replace(asked, client=client)
            wait = _while_waiting(lost, process)
        assert wait is httpx.RemoteProtocolError or wait is httpx.ReadError
        assert told(service) == [("gateway_lost", "none", 0, 0, 0, 0)]
    assert service.spent() == 0


def _while_waiting(service: Service, process: Gateway) -> type[Exception]:
    with ThreadPoolExecutor() as asking_meanwhile:
        call = asking_meanwhile.submit(service.chat, {"before": 30})
        wait_for(lambda: service.provider.under_way == 1)
        # It is noted just after it was sent; killed in between, the gateway would leave nothing to be found.
        wait_for(lambda: any(b'"attempt"' in journal.read_bytes() for journal in journals()))
        process.kill()
        return type(call.exception())  # type: ignore[return-value]


@pytest.mark.parametrize("stream", [True, False])
def test_a_gateway_that_dies_before_a_row_is_committed(service: Service, stream: bool) -> None:
    with beside(service, "before a row is committed") as (process, asked):
        if stream:
            assert received(asked, {"words": [" ABC"], "times": 40}, least=40, then=None) == 40
        else:
            with pytest.raises(httpx.TransportError):
                asked.chat("Hi")
        assert process.exit_code() == DIED
        [(end, _, _, written, points, _)] = told(service)
    # A whole answer that never left is free.
    assert (end, written) == ("gateway_lost", 40 if stream else 0)
    assert service.spent() == points
    assert (points > 0) is stream


@pytest.mark.parametrize("stream", [True, False])
def test_a_gateway_that_dies_after_a_row_is_committed(service: Service, stream: bool) -> None:
    with beside(service, "after a row is committed") as (process, asked):
        with pytest.raises(httpx.TransportError):
            asked.chat("Hi", stream=stream)
        assert process.exit_code() == DIED
        wait_for(lambda: len(journals()) == 1)
    # Of a stream the text was there: what is recorded counts, once, however often its journal is looked at.
    if stream:
        assert told(service) == [("completed", "reported", 10, 3, 25, 0)]
        assert service.spent() == 25
        return
    # A whole answer reached nobody: it is taken back, also out of sums that have it already.
    wait_for(lambda: told(service) == [("gateway_lost", "none", 0, 0, 0, 0)])
    assert service.spent() == 0


def test_a_block_whose_gateway_died_while_it_settled_it(service: Service) -> None:
    with beside(service, "before a block is settled") as (process, asked):
        assert asked.chat("Hi").status_code == 200
        assert process.exit_code() == DIED
    service.settled()
    [block] = CreditBlock.objects.of(service.workspace.pk)
    assert (block.state, block.captured) == ("settled", 25)
    assert service.spent() == 25
