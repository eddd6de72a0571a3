"""Embeddings and pictures by Google."""

import base64
import struct
from typing import Any

import pytest

from apps.providers.base import ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Answer, Call, FilePart, Operation, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
    ACCESS,
    PNG,
    asked,
    call,
    outcome,
    timeless,
)
from tests.providers.llm.samples_google import candidate, content
from tests.providers.wire import answer

google = llm_provider("google")
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
MODERATED = (ProviderRefused, Why.MODERATED)
INVALID = (ProviderRefused, Why.INVALID)


def given_answer(made: Call, body: Any) -> Any:
    return outcome(google.answer, made, answer(body), ACCESS)


def turn(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": p} if isinstance(p, str) else p for p in parts]}


def test_texts_to_embed():
    made = call(Operation.EMBEDDINGS, input=["a", "b"], dimensions=256)

    one = {"model": "models/m-1", "outputDimensionality": 256}
    assert asked("google", made) == {
        "requests": [
            {**one, "content": {"parts": [{"text": "a"}]}},
            {**one, "content": {"parts": [{"text": "b"}]}},
        ]
    }
    assert asked("google", call(Operation.EMBEDDINGS, input="a")) == {
        "requests": [{"model": "models/m-1", "content": {"parts": [{"text": "a"}]}}]
    }


@pytest.mark.parametrize("given", [[1, 2], [[1]], None, 7, ["a"] * 101])
def test_what_is_no_text_is_not_embedded(given: Any):
    assert outcome(asked, "google", call(Operation.EMBEDDINGS, input=given)) == INVALID


def test_pictures_to_draw():
    made = call(Operation.IMAGES, prompt="a cat", size="1024x1536", n=1)

    assert asked("google", made) == {
        "contents": [turn("user", "a cat")],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "2:3"},
        },
    }
    assert asked("google", call(Operation.IMAGES, "imagen-4.0", prompt="a cat", n=2, size="1536x1024")) == {
        "instances": [{"prompt": "a cat"}],
        "parameters": {"sampleCount": 2, "aspectRatio": "4:3"},
    }  # fmt: skip


def test_pictures_to_start_from():
    file = FilePart("image[]", "1.png", "image/png", b"PNG")

    found = asked("google", call(Operation.IMAGE_EDITS, prompt="a hat", files=(file,)))

    assert found["contents"] == [
        turn("user", "a hat", {"inlineData": {"mimeType": "image/png", "data": "UE5H"}})
    ]


@pytest.mark.parametrize(
    "made",
    [
        call(Operation.IMAGES, prompt="a", n=2),
        call(Operation.IMAGES, prompt="a", is_stream=True),
        call(Operation.IMAGE_EDITS, files=(FilePart("mask", "1.png", "image/png", b"PNG"),)),
    ],
)
def test_pictures_that_cannot_be_asked_for(made: Any):
    assert outcome(asked, "google", made) == INVALID


# ----------------------------------------------------------------------------------------- answers

VECTORS = {"embeddings": [{"values": [0.5, -1]}, {"values": [0.25, 2]}]}


@pytest.mark.parametrize("format", ["float", "base64", None])
def test_embeddings_come_as_they_were_asked_for(format: Any):
    made = call(Operation.EMBEDDINGS, input=["a", "b"], encoding_format=format)

    found = given_answer(made, VECTORS | {"usageMetadata": {"promptTokenCount": 2}})

    vectors: list[Any] = [[0.5, -1], [0.25, 2]]
    if format == "base64":
        vectors = [base64.b64encode(struct.pack("<2f", *one)).decode() for one in vectors]
    data = [
        {"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(vectors)
    ]
    assert found == Answer(
        {
            "object": "list",
            "data": data,
            "model": "m-1",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        },
        Usage(input_tokens=2),
    )


def test_embeddings_may_come_without_usage():
    found = given_answer(call(Operation.EMBEDDINGS, input="a"), {"embeddings": [{"values": [1.5]}]})

    assert (found.usage, "usage" in found.body) == (None, False)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"embeddings": []},
        {"embeddings": [{"values": [1]}]},
        {"embeddings": [{"values": []}, {"values": [1]}]},
        {"embeddings": [{"values": ["x"]}, {"values": [1]}]},
        {"embeddings": [{"values": [1e300]}, {"values": [1]}]},
        {"embeddings": [{}, {}]},
    ],
)
def test_vectors_must_be_there(body: Any):
    made = call(Operation.EMBEDDINGS, input=["a", "b"], encoding_format="base64")

    assert given_answer(made, body) == UNKNOWN


def inline(data: str, **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": data}, **more}


@pytest.mark.parametrize(
    ("made", "body", "expected"),
    [
        (
            call(Operation.IMAGES),
            content(candidate("Here.", inline("AAAA", thought=True), inline(PNG)), usage={"promptTokenCount": 5}),
            Usage(input_tokens=5, images=1),
        ),
        (call(Operation.IMAGE_EDITS), content(candidate(inline(PNG)), usage=None), Usage(images=1)),
        (
            call(Operation.IMAGES, "imagen-4.0"),
            {"predictions": [{"bytesBase64Encoded": PNG}, {"raiFilteredReason": "No."}]},
            Usage(images=1),
        ),
    ],
)  # fmt: skip
def test_pictures_come_as_base64(made: Call, body: Any, expected: Usage):
    found = given_answer(made, body)

    assert (timeless(found.body), found.usage) == ({"data": [{"b64_json": PNG}]}, expected)


@pytest.mark.parametrize(
    ("made", "body", "expected"),
    [
        (call(Operation.IMAGES), content(candidate("No.")), (ProviderRefused, Why.FAILED)),
        (call(Operation.IMAGES), content(candidate(finish="IMAGE_SAFETY")), MODERATED),
        (call(Operation.IMAGES), {}, (ProviderRefused, Why.FAILED)),
        (call(Operation.IMAGES, "imagen-4.0"), {}, (ProviderRefused, Why.FAILED)),
        (call(Operation.IMAGES, "imagen-4.0"), {"predictions": [{"raiFilteredReason": "No."}]}, MODERATED),
    ],
)  # fmt: skip
def test_no_picture_is_a_failure(made: Call, body: Any, expected: Any):
    assert given_answer(made, body) == expected
