"""What was translated is what the official clients read."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from apps.providers.llm.base import Operation
from apps.providers.llm.registry import llm_provider
from tests.providers.llm import samples_anthropic, samples_google
from tests.providers.llm.samples import ACCESS, BY_SCHEMA, PDF, PICTURE, PNG, WEATHER, call, read
from tests.providers.wire import answer

openai_chat = pytest.importorskip("openai.types.chat")
openai_types = pytest.importorskip("openai.types")
anthropic, google = llm_provider("anthropic"), llm_provider("google")
IMAGE = {"type": "image_url", "image_url": {"url": PICTURE}}
FILE = {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}
MADE = call(tools=[WEATHER])


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (
            anthropic,
            samples_anthropic.message(
                samples_anthropic.THOUGHT,
                "Hi",
                samples_anthropic.CALLED,
                stop="tool_use",
            ),
        ),
        (
            google,
            samples_google.content(samples_google.candidate("a", samples_google.CALL)),
        ),
    ],
)
def test_a_chat_is_one(provider: Any, body: Any):
    found = provider.answer(MADE, answer(body), ACCESS).body

    read_back = openai_chat.ChatCompletion.model_validate(found, strict=True)

    assert read_back.choices[0].finish_reason == "tool_calls"
    assert read_back.to_dict(exclude_unset=True) == found


@pytest.mark.parametrize(
    ("provider", "stream"),
    [(anthropic, samples_anthropic.STREAM), (google, samples_google.STREAM)],
)
def test_a_chunk_is_one(provider: Any, stream: bytes):
    pieces, _ = read(provider, MADE, [stream])

    for piece in pieces:
        chunk = openai_chat.ChatCompletionChunk.model_validate(piece.data, strict=True)
        assert chunk.to_dict(exclude_unset=True) == piece.data


def test_embeddings_and_pictures_are_such():
    vectors = google.answer(
        call(Operation.EMBEDDINGS, input="a"),
        answer({"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 1}}),
        ACCESS,
    ).body
    pictures = google.answer(
        call(Operation.IMAGES, "imagen-4.0"),
        answer({"predictions": [{"bytesBase64Encoded": PNG}]}),
        ACCESS,
    ).body

    assert openai_types.CreateEmbeddingResponse.model_validate(vectors).data[0].embedding == [0.5]
    assert openai_types.ImagesResponse.model_validate(pictures).data[0].b64_json == PNG


@pytest.mark.parametrize(
    "body",
    [
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": [IMAGE, FILE]},
                {"role": "assistant", "tool_calls": [samples_anthropic.used("a")]},
                {"role": "tool", "tool_call_id": "a", "content": "Sunny"},
            ],
            "tools": [WEATHER],
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "stop": ["END"],
            "user": "u-1",
            "temperature": 0.5,
        },
        {"reasoning_effort": "high"},
        {"response_format": BY_SCHEMA},
    ],
)
def test_a_request_to_anthropic_is_one(body: Any):
    params = pytest.importorskip("anthropic.types.message_create_params")
    expected = TypeAdapter(params.MessageCreateParamsNonStreaming)

    expected.validate_python(samples_anthropic.sent(**body))
