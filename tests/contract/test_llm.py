"""Line 26 of the compatibility checklist, what line 27 says of gpt-4o, and prices of language models, by real calls."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from apps.accounts.models import Workspace
from apps.core.money import POINTS_PER_USD
from tests.factories.byoa import account
from tests.llm.conftest import grace, loop, provider, service
from tests.llm.service import MODEL, Service

__all__ = ["grace", "loop", "provider", "service"]

SAID: Any = [{"role": "user", "content": "Hi"}]
# US$ per million tokens read and written, and what such a call costs in points: a thousand of each.
PRICES = {
    "gpt-4o-mini": (0.1125, 0.45),
    "gpt-4o": (1.875, 7.5),
    "gpt-4.1": (1.5, 6),
    "gpt-4.1-mini": (0.3, 1.2),
    "gpt-4.1-nano": (0.075, 0.3),
    "claude-3-7-sonnet-20250219": (2.25, 11.25),
    "claude-sonnet-4-20250514": (2.25, 11.25),
    "claude-3-opus-20240229": (11.25, 56.25),
    "claude-3-5-sonnet-20240620": (2.25, 11.25),
}
OPERATOR_PRICED = (
    "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106", "gpt-4", "gpt-4-1106-preview", "gpt-4-0125-preview",
    "gpt-4o-plus", "gpt-auto", "o1-mini", "o1-preview", "gpt-5", "gpt-5.2", "claude-opus-4-6", "claude-sonnet-4-6",
    "gemini-2.5-flash-nothinking", "uncensored-small-32k-20240717",
)  # fmt: skip


@pytest.fixture
def customer(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=service.key, max_retries=0) as client:
        yield client


def refusal(answer: Any) -> str:
    body = answer.json()
    assert body["code"] == answer.status_code
    assert body["data"] is None
    assert set(body["error"]) == {"code", "type", "message", "detail", "request_id", "param"}
    assert body["error"]["request_id"] == answer.headers["x-request-id"]
    return f"{answer.status_code}/{body['error']['code']}"


# ---------------------------------------------------------------------------- line 26
def test_the_openai_client_works_streamed_and_not(customer: openai.OpenAI) -> None:
    whole = customer.chat.completions.create(
        model=MODEL, messages=SAID, temperature=1, top_p=1, n=1, max_tokens=50, stop=["END"]
    )
    with customer.chat.completions.create(model=MODEL, messages=SAID, stream=True) as stream:
        pieces = [one.choices[0].delta.content or "" for one in stream]

    assert (whole.object, whole.choices[0].message.content) == ("chat.completion", "Hello there.")
    assert "".join(pieces) == "Hello there."


def test_a_stream_is_lines_of_chunks_and_the_word_done(service: Service) -> None:
    lines = [line for line in service.chat(stream=True).text.split("\n") if line]

    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert {json.loads(line[6:])["object"] for line in lines[:-1]} == {"chat.completion.chunk"}


@pytest.mark.parametrize("name", ["x-api-key", "X-API-KEY", "Authorization"])
def test_a_key_works_in_any_header(service: Service, name: str) -> None:
    value = f"Bearer {service.key}" if name == "Authorization" else service.key
    content = json.dumps({"model": MODEL, "messages": SAID})

    answer = service.client.post(
        f"{service.url}/v1/chat/completions", content=content, headers={name: value}
    )

    assert answer.status_code == 200
    # No envelope here.
    assert answer.json()["object"] == "chat.completion"
    assert service.client.post(f"{service.url}/v1/chat/completions/").status_code == 401


def test_errors_are_in_the_envelope(service: Service) -> None:
    poor = service.customer(points=1)

    assert refusal(service.chat(key="my_live_nothing")) == "401/10100"
    assert refusal(service.chat(temperature=3)) == "400/10000"
    assert refusal(service.chat(model="gpt-nothing")) == "400/10001"
    assert refusal(service.post("embeddings", {"model": MODEL, "input": "a"})) == "400/10001"
    assert refusal(poor.chat()) == "402/10200"
    assert refusal(service.get("models/nothing")) == "404/10400"
    assert refusal(service.chat({"fault": "status:500"})) == "503/10800"


# ---------------------------------------------------------------------------- line 27
@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-20250514", "gpt-4-gizmo-g-gFt1ghYJl"])
def test_on_hobbyist_better_models_are_refused(service: Service, model: str) -> None:
    hobbyist = service.customer(plan="hobbyist")

    assert refusal(hobbyist.chat(model=model)) == "403/10300"
    assert hobbyist.chat().status_code == 200
    assert refusal(hobbyist.chat(model="dall-e-3")) == "400/10001"


# ----------------------------------------------------------------------- the price list
@pytest.mark.parametrize("model", PRICES)
def test_a_call_costs_what_the_list_says(service: Service, model: str) -> None:
    """A thousand tokens read and as many written: a thousandth of what a million costs."""
    if model.startswith("claude"):
        # Any server with OpenAI's interface may serve it, by the same name.
        account(provider="federation", base_url=service.provider.url)
    read, written = PRICES[model]
    used = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    script = {"words": ["x" * 400] * 10, "usage": used, "filler": "long " * 200}

    answer = service.chat(script, model=model)

    assert answer.status_code == 200, answer.text
    points = round((read + written) / 1000 * POINTS_PER_USD)
    assert answer.json()["usage"]["cost_points"] == points
    assert service.spent() == points


def test_pictures_by_the_request_are_streams_only(service: Service) -> None:
    picture = {"words": ["![](https://files.example.com/a.png)"]}
    scripts: list[Any] = ["Hi", picture, {"fault": "status:400"}, {"fault": "status:500"}]
    whole = service.chat("Hi", model="gpt-4o-image")
    streamed = [service.chat(one, model="gpt-4o-image", stream=True) for one in scripts]

    assert whole.status_code == 400
    assert [one.status_code for one in streamed] == [200, 200, 400, 503]
    costs = [row.points for row in service.usage() if row.end == "completed"]
    assert costs == [6600, 200_000]
    assert service.spent() == sum(costs)


@pytest.mark.parametrize("model", OPERATOR_PRICED)
def test_a_model_without_a_price_is_not_callable(service: Service, model: str) -> None:
    assert refusal(service.chat(model=model)) == "503/10800"


def test_retired_models_say_so(service: Service) -> None:
    answers = [
        service.post("images/generations", {"model": name, "prompt": "A fox"})
        for name in ("dall-e-3", "gpt-image-1")
    ]

    assert [refusal(one) for one in answers] == ["400/10001"] * 2


def test_calls_stand_in_the_history_under_their_family(
    service: Service, workspace: Workspace, client: Any
) -> None:
    service.chat()
    [row] = service.usage()

    answer = client.get("/api/open/tasks/histories?model=llm", HTTP_X_API_KEY=service.key)

    [entry] = answer.json()["data"]["data"]
    assert (entry["task_id"], entry["task_model"], entry["status"]) == (
        str(row.call),
        MODEL,
        "finished",
    )
