"""OpenAI's own client in front of the gateway: everything that is no conversation."""

import base64
import io
import wave
from typing import Any

import openai
import pytest

from tests.llm.sdk.conftest import terms
from tests.llm.sdk.upstream import Handed
from tests.llm.service import Service

PNG = b"\x89PNG\r\n\x1a\n and so on"


def sound(seconds: float) -> tuple[str, bytes]:
    """A file of that length that says nothing."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(round(seconds * 8000) * 2))
    return "sound.wav", written.getvalue()


def lenient(service: Service) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{service.url}/v1", **terms(service, _strict_response_validation=False)
    )


def drawn(*pictures: bytes, written: int) -> dict[str, Any]:
    return {
        "created": 1_700_000_000,
        "data": [{"b64_json": base64.b64encode(one).decode()} for one in pictures],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
            "output_tokens": written,
            "total_tokens": 10 + written,
        },
    }


# ------------------------------------------------------------------------ embeddings
def test_embeddings_as_numbers(customer: openai.OpenAI, service: Service) -> None:
    made = customer.embeddings.create(
        model="text-embedding-ada-002",
        input=["one", "two"],
        encoding_format="float",
        dimensions=2,
        user="u1",
    )

    assert [one.embedding for one in made.data] == [[0.5, -0.5]] * 2
    assert made.model == "text-embedding-ada-002"
    # Eight tokens at 0.1 US$ a million.
    assert made.usage.model_dump() == {
        "prompt_tokens": 8,
        "total_tokens": 8,
        "cost": 0.0000008,
        "cost_points": 8,
        "usage_source": "reported",
    }
    assert service.spent() == 8


def test_embeddings_as_the_client_asks_for_them(service: Service, provider: Handed) -> None:
    # Two numbers of 32 bits, 0.5 and -0.5: the client asks for Base64 by itself, and unpacks it.
    packed = base64.b64encode(bytes.fromhex("0000003f000000bf")).decode()
    row = {"object": "embedding", "index": 0, "embedding": packed}
    provider.hand(
        {
            "object": "list",
            "data": [row],
            "model": "text-embedding-ada-002",
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    )

    # Its own check of answers does not know what it asks for.
    with lenient(service) as customer:
        made = customer.embeddings.create(model="text-embedding-ada-002", input="one")

    assert provider.asked["encoding_format"] == "base64"
    assert list(made.data[0].embedding) == [0.5, -0.5]


# ----------------------------------------------------------------------------- sound
def test_speech_costs_by_its_characters(customer: openai.OpenAI, service: Service) -> None:
    spoken = customer.audio.speech.create(
        model="tts-1", voice="alloy", input="Hello", response_format="mp3", speed=1.25
    )

    assert spoken.content == b"ID3 not really sound"
    assert spoken.response.headers["content-type"] == "audio/mpeg"
    # Five of them at 15 US$ a million.
    assert spoken.response.headers["x-cost-points"] == "750"
    assert service.spent() == 750
    with pytest.raises(openai.BadRequestError, match="Give one of audio"):
        customer.audio.speech.create(
            model="tts-1", voice="alloy", input="Hello", stream_format="sse"
        )


def test_speech_is_read_as_it_comes(customer: openai.OpenAI) -> None:
    with customer.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Hello"
    ) as spoken:
        assert b"".join(spoken.iter_bytes()) == b"ID3 not really sound"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_transcription_and_translation_cost_by_the_minute(
    customer: openai.OpenAI, service: Service
) -> None:
    heard = customer.audio.transcriptions.create(
        model="whisper-1", file=sound(3), language="en", temperature=0
    )
    translated = customer.audio.translations.create(model="whisper-1", file=sound(3))

    assert (heard.text, translated.text) == ("hello there", "hello there")
    # Three seconds at 0.006 US$ a minute, twice.
    assert service.spent() == 2 * 3000


# -------------------------------------------------------------------------- pictures
def test_pictures_are_drawn(customer: openai.OpenAI, provider: Handed, service: Service) -> None:
    provider.hand(drawn(PNG, PNG, written=200))

    made = customer.images.generate(
        model="gpt-image-1.5", prompt="A fox", n=2, size="1024x1024", quality="low"
    )

    assert [base64.b64decode(one.b64_json or "") for one in made.data or []] == [PNG, PNG]
    assert provider.asked == {
        "model": "gpt-image-1.5",
        "prompt": "A fox",
        "n": 2,
        "size": "1024x1024",
        "quality": "low",
    }
    # Ten tokens at 5 and 200 at 32 US$ a million.
    assert made.usage is not None
    assert made.usage.model_dump()["cost_points"] == 500 + 64_000
    assert service.spent() == 64_500


def test_pictures_are_changed(customer: openai.OpenAI, provider: Handed, service: Service) -> None:
    provider.hand(drawn(PNG, written=100))

    made = customer.images.edit(
        model="gpt-image-1.5",
        image=[("a.png", PNG, "image/png"), ("b.png", PNG, "image/png")],
        mask=("mask.png", PNG, "image/png"),
        prompt="With a hat",
    )

    assert made.data is not None
    assert [base64.b64decode(one.b64_json or "") for one in made.data] == [PNG]
    form: bytes = provider.asked
    assert provider.seen[-1].path == "/v1/images/edits"
    assert (form.count(b'name="image[]"'), form.count(b'name="mask"')) == (2, 1)
    assert service.spent() == 500 + 32_000


# ------------------------------------------------------------------ moderation, models
@pytest.mark.parametrize("text", ["Hello", ["Hello", "Bye"]])
def test_moderation_is_free(service: Service, provider: Handed, text: Any) -> None:
    """Also for who has nothing."""
    service = service.customer(points=0)
    # What a provider says of categories changes more often than the client that would check it.
    with lenient(service) as customer:
        found = customer.moderations.create(model="omni-moderation-latest", input=text)
        unnamed = customer.moderations.create(input=text)

    assert [one.flagged for one in [*found.results, *unnamed.results]] == [False, False]
    assert provider.asked == {"model": "omni-moderation-latest", "input": text}
    assert service.spent() == 0


def test_models_are_listed_with_their_prices(customer: openai.OpenAI) -> None:
    names = [one.id for one in customer.models.list()]
    one = customer.models.retrieve("gpt-4o-mini").model_dump()

    assert "gpt-4o-mini" in names
    # Nobody serves Anthropic's, and this one has no price.
    assert not {"claude-sonnet-4-20250514", "gpt-5"} & set(names)
    assert (one["object"], one["owned_by"]) == ("model", "openai")
    assert one["pricing"] == {"input": "0.1125", "cached_input": "0.05625", "output": "0.45"}
    with pytest.raises(openai.NotFoundError, match="There is no model nothing"):
        customer.models.retrieve("nothing")
