"""Streams that nobody reads to the end: a client that takes nothing, a server that stops."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings

from apps.gateway.app import make_app
from apps.gateway.llm import talking
from apps.llm.models import CreditBlock
from tests.llm.service import Service, asking, wait_for
from tests.llm.serving import served
from tests.llm_upstream.running import Running

LONG = {"words": [" ABC"], "times": 5_000, "delay": 0.01}


def test_a_client_that_takes_nothing_has_left(
    service: Service, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "_SEND_SECONDS", 0.3)
    settings.LLM_KEEP_ALIVE_SECONDS = 0.2
    rich = service.customer(points=100_000_000)
    # More than sockets and buffers take.
    body = asking({"words": ["x" * 20_000], "times": 3_000}, stream=True, model="gpt-4.1")
    headers = {"authorization": f"Bearer {rich.key}"}
    url = f"{rich.url}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60):
        [row] = rich.usage_when(1)
    assert (row.end, row.usage_source) == ("client_left", "counted")
    assert 0 < row.output_tokens < 3_000 * 5_000
    wait_for(lambda: rich.provider.under_way == 0)
    assert rich.spent() == row.points


@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_stops_ends_its_calls_and_gives_everything_back(
    service: Service, stream: bool
) -> None:
    script: dict[str, Any] = LONG if stream else {"before": 30}
    with ThreadPoolExecutor() as asking_meanwhile:
        with Running(served(make_app())) as other:
            stopped = replace(service, url=other.url)
            call = asking_meanwhile.submit(stopped.chat, script, stream=stream)
            wait_for(lambda: service.provider.under_way == 1)
            wait_for(lambda: service.provider.delivered > 5 or not stream)
        # Nothing is left to be found by others.
        assert len(list(Path(django_settings.LLM_JOURNAL_DIR).glob("*.journal"))) == 1
        assert not CreditBlock.objects.of(service.workspace.pk).filter(state="open").exists()
        words = _words(call)

    [row] = service.usage()
    assert row.end == "client_left"
    assert words <= row.output_tokens <= service.provider.delivered
    assert (row.points > 0) is stream
    wait_for(lambda: service.provider.under_way == 0)
    assert service.spent() == row.points


def _words(call: Any) -> int:
    try:
        return int(call.result().text.count(json.dumps(" ABC")))
    except httpx.TransportError:
        return 0
