"""The official clients in front of the gateway with our own model server behind it: what small models really answer."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from PIL import Image

from apps.providers.local.chat.packages import missing
from tests.llm.sdk.conftest import terms
from tests.llm.service import Service
from tests.localmodels.conftest import socket

__all__ = ["socket"]

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")

PATIENCE_SECONDS = 300  # on a machine that does many other things
MODEL = "local-chat"
SAID: Any = [{"role": "user", "content": "What is the capital of France? One word."}]


@pytest.fixture(autouse=True)
def _local_models(settings: Any, socket: Path) -> None:
    settings.LOCAL_MODELS_SOCKET = str(socket)
    settings.LOCAL_MODELS_URL = "http://local-models"


def openai_terms(service: Service) -> dict[str, Any]:
    # What it says of moderation is no complete list of OpenAI's categories.
    given = terms(service, timeout=PATIENCE_SECONDS, _strict_response_validation=False)
    return {**given, "base_url": f"{service.url}/v1"}


def alike(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_a_conversation_whole_streamed_and_without_waiting(service: Service) -> None:
    with openai.OpenAI(**openai_terms(service)) as client:
        whole = client.chat.completions.create(
            model=MODEL, messages=SAID, max_tokens=20, temperature=0
        )
        with client.chat.completions.create(
            model=MODEL,
            messages=SAID,
            max_tokens=20,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            *chunks, last = stream
    pieces = [one.choices[0].delta.content or "" for one in chunks]

    async def ask() -> str:
        async with openai.AsyncOpenAI(**openai_terms(service)) as client:
            answer = await client.responses.create(
                model=MODEL, input=SAID[0]["content"], max_output_tokens=20, temperature=0
            )
            return answer.output_text

    # Coldly asked, so small a model knows it.
    texts = [whole.choices[0].message.content, "".join(pieces), asyncio.run(ask())]
    assert ["Paris" in str(text) for text in texts] == [True, True, True], texts
    assert len(pieces) > 1
    rows = service.usage_when(3)
    assert [(row.operation, row.end, row.usage_source, row.provider) for row in rows] == [
        ("chat", "completed", "reported", "local"),
        ("chat", "completed", "reported", "local"),
        ("responses", "completed", "reported", "local"),
    ]
    assert last.usage is not None
    assert last.usage.model_dump()["cost_points"] == rows[1].points > 0
    assert service.spent() == sum(row.points for row in rows)


def test_the_same_in_anthropics_words(service: Service) -> None:
    given = terms(service, timeout=PATIENCE_SECONDS)
    # The client has forgotten how to ask for it; the interface has not.
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 20,
        "messages": SAID,
        "extra_body": {"temperature": 0},
    }
    with anthropic.Anthropic(base_url=service.url, **given) as client:
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            streamed = stream.get_final_message()

    for answer in (whole, streamed):
        [block] = answer.content
        assert block.type == "text"
        assert "Paris" in block.text
        assert answer.usage.output_tokens > 0
    assert service.spent() == sum(row.points for row in service.usage_when(2))


def test_what_is_spoken_is_heard(service: Service) -> None:
    said = "The quick brown fox jumps over the lazy dog."
    with openai.OpenAI(**openai_terms(service)) as client:
        spoken = client.audio.speech.create(
            model="local-speech", voice="alloy", input=said, response_format="mp3"
        )
        heard = client.audio.transcriptions.create(
            model="local-transcription", file=("said.mp3", spoken.content)
        )

    assert "brown fox" in heard.text
    assert [(row.operation, row.end) for row in service.usage_when(2)] == [
        ("speech", "completed"),
        ("transcription", "completed"),
    ]
    # 44 characters at half a US$ a million.
    assert service.usage()[0].points == 44 * 5


def test_embeddings_pictures_and_moderation(service: Service) -> None:
    texts = ["I forgot my password", "How do I log in again?", "Bananas are yellow"]
    with openai.OpenAI(**openai_terms(service)) as client:
        made = client.embeddings.create(model="local-embedding", input=texts)
        drawn = client.images.generate(
            model="local-image", prompt="a fox", size="256x256", response_format="b64_json"
        )
        judged = client.moderations.create(model="local-moderation", input="Have a nice day.")

    forgot, login, bananas = [one.embedding for one in made.data]
    assert [len(forgot), len(login), len(bananas)] == [384] * 3
    assert alike(forgot, login) > alike(forgot, bananas)
    assert drawn.data is not None
    picture = Image.open(io.BytesIO(base64.b64decode(drawn.data[0].b64_json or "")))
    assert min(picture.size) > 0
    assert judged.results[0].flagged is False
    assert [row.operation for row in service.usage_when(3)] == [
        "embeddings",
        "images",
        "moderation",
    ]
