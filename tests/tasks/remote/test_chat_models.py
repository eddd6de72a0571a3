"""What language models of others do for the catalog: from the request to what the customer reads."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import Workspace
from tests.api.conftest import Caller, api
from tests.chat_servers.running import ChatServers
from tests.factories.byoa import account

__all__ = ["api"]
pytestmark = pytest.mark.django_db
PAPER = {"prompt": "a lighthouse made of paper"}
# The smallest picture there is.
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def made(api: Caller, run: Callable[..., None], model: str, task_type: str, values: Any) -> Any:
    body = {"model": model, "task_type": task_type, "input": values}
    created = api.post("/api/v1/task", body).json()
    run()
    return api.get(f"/api/v1/task/{created['data']['task_id']}").json()["data"]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_picture_gets_a_caption(
    api: Caller, workspace: Workspace, chat_servers: ChatServers, run: Any, provider: str
):
    account(provider=provider, base_url=chat_servers.url, credential="key-1")
    chat_servers.knobs(text="A harbour at dusk.")

    data = made(api, run, "Qubico/joycaption", "joycaption-beta-one", {"image": DOT})

    assert (data["status"], data["output"]) == ("completed", {"caption": "A harbour at dusk."})
    assert data["meta"]["usage"] == {"type": "point", "frozen": 50_000, "consume": 50_000}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_lyrics_are_written_for_nothing(
    api: Caller, workspace: Workspace, chat_servers: ChatServers, run: Any, provider: str
):
    account(provider=provider, base_url=chat_servers.url, credential="key-1")
    words = "[Verse]\nThe cranes are sleeping"
    chat_servers.knobs(text=f"Night Yard\n\n{words}")

    data = made(api, run, "suno", "lyrics", {"prompt": "a harbour"})

    assert (data["status"], data["model"]) == ("completed", "music-s")
    assert data["output"] == {"text": words, "title": "Night Yard", "lyrics": words}
    assert data["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}


@pytest.mark.parametrize(
    ("task_type", "points", "asked"),
    [
        ("gemini-2.5-flash-image", 300_000, "gemini-2.5-flash-image"),
        ("nano-banana-pro", 1_050_000, "gemini-3-pro-image"),
        ("nano-banana-2", 600_000, "gemini-3.1-flash-image"),
    ],
)
def test_google_paints_with_the_model_that_was_chosen(
    api: Caller,
    workspace: Workspace,
    chat_servers: ChatServers,
    run: Any,
    task_type: str,
    points: int,
    asked: str,
):
    account(provider="google", base_url=chat_servers.url, credential="key-1")

    data = made(api, run, "gemini", task_type, {**PAPER, "image_urls": [DOT]})

    assert (data["status"], data["meta"]["usage"]["consume"]) == ("completed", points)
    output = data["output"]
    assert output["image_url"].startswith("http://testserver/files/mj/")
    assert output == {"image_url": output["image_url"], "image_urls": [output["image_url"]]}
    assert [one["path"] for one in chat_servers.seen()] == [
        f"/v1beta/models/{asked}:generateContent"
    ]
