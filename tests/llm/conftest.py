"""A gateway as it is served, a scripted provider behind it, and a customer in front."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apps.accounts.models import Workspace
from apps.gateway.app import make_app
from tests.factories import WorkspaceFactory, api_key
from tests.factories.byoa import account
from tests.llm.service import Service
from tests.llm.serving import served
from tests.llm_upstream.running import Loop, Running, scripted
from tests.llm_upstream.server import Scripted


@pytest.fixture
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


@pytest.fixture
def provider(loop: Loop) -> Iterator[Scripted]:
    with scripted(loop) as server:
        yield server


@pytest.fixture
def grace() -> float:
    """Seconds for which a stream without credits stands still; tests parametrize it."""
    return 0


@pytest.fixture
def service(
    transactional_db: None, settings: Any, tmp_path: Any, provider: Scripted, grace: float
) -> Iterator[Service]:
    """The gateway over HTTP, with an account at the scripted provider and a customer with a dollar."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LLM_JOURNAL_DIR = tmp_path / "gateways"
    settings.LLM_GRACE_SECONDS = grace
    workspace: Workspace = WorkspaceFactory.create()
    account(provider="openai", base_url=provider.url, slots=100)
    with Running(served(make_app())) as running, httpx.Client(timeout=30) as client:
        yield Service(running.url, client, provider, workspace, api_key(workspace))
