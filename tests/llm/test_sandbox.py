"""A model that nobody has an account for, tried out on our own model server; never where there is an account."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apps.byoa.models import Account
from apps.gateway.app import make_app
from tests.factories import WorkspaceFactory, api_key
from tests.factories.byoa import account
from tests.llm.conftest import served
from tests.llm.service import Service
from tests.llm_upstream.running import Running
from tests.llm_upstream.server import Scripted


@pytest.fixture
def sandbox(
    transactional_db: None, settings: Any, tmp_path: Any, provider: Scripted
) -> Iterator[Service]:
    """A gateway with our own model server and no account anywhere."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LLM_JOURNAL_DIR = tmp_path / "gateways"
    settings.SANDBOX_ENGINE = True
    settings.LOCAL_MODELS_URL = provider.url
    workspace = WorkspaceFactory.create()
    with Running(served(make_app())) as running, httpx.Client(timeout=30) as client:
        yield Service(running.url, client, provider, workspace, api_key(workspace))


def test_without_any_account_the_stand_in_answers_and_says_so(sandbox: Service) -> None:
    answer = sandbox.chat("Hi")

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-served-by"] == "sandbox"
    assert answer.json()["model"] == "gpt-4o-mini"
    assert sandbox.provider.seen[-1].body["model"] == "local-chat"
    [row] = sandbox.usage()
    assert (row.provider, row.end, row.account_id) == ("local", "completed", None)
    models = sandbox.get("models").json()["data"]
    assert "gpt-4o-mini" in {one["id"] for one in models}


def test_a_stream_of_the_stand_in_says_so_too(sandbox: Service) -> None:
    answer = sandbox.chat("Hi", stream=True)

    assert answer.headers["x-served-by"] == "sandbox"
    assert answer.text.endswith("data: [DONE]\n\n")


def test_with_an_account_that_only_rests_nothing_stands_in(sandbox: Service) -> None:
    resting = account(provider="openai", base_url=sandbox.provider.url)
    Account.objects.across_workspaces().filter(pk=resting.pk).update(status="checking")

    answer = sandbox.chat("Hi")

    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "no_route"
    assert sandbox.usage() == []


def test_a_real_installation_has_no_stand_in(sandbox: Service, settings: Any) -> None:
    settings.SANDBOX_ENGINE = False

    assert sandbox.chat("Hi").status_code == 503
    assert (
        sandbox.post("chat/completions", {"model": "local-chat", "messages": []}).status_code == 400
    )
