"""The official clients in front of the gateway."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.factories.byoa import account
from tests.llm.sdk.upstream import Handed
from tests.llm.service import Service
from tests.llm_upstream.running import Loop


@pytest.fixture
def provider(loop: Loop) -> Iterator[Handed]:
    server = Handed()
    loop.run(server.start())
    yield server
    loop.run(server.stop())


def terms(service: Service, **others: Any) -> dict[str, Any]:
    """How every client here is made: nothing is tried twice, and an answer must have the shape it is said to have."""
    return {
        "api_key": service.key,
        "max_retries": 0,
        "timeout": 30,
        "_strict_response_validation": True,
        **others,
    }


@pytest.fixture
def customer(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", **terms(service)) as client:
        yield client


@pytest.fixture
def reader(service: Service) -> Iterator[anthropic.Anthropic]:
    """Anthropic's client; the provider speaks its interface as well."""
    account(provider="anthropic", base_url=service.provider.url, slots=100)
    with anthropic.Anthropic(base_url=service.url, **terms(service)) as client:
        yield client
