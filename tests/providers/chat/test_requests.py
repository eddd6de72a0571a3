from typing import Any

import orjson
import pytest

from apps.core.wire import Request
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.providers.chat.samples import (
    ADAPTERS,
    BASE64,
    KEY,
    Why,
    access,
    anthropic,
    google,
    openai,
    submit,
    work,
)
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import run, told


def asked(adapter: Any, *args: Any, base_url: str = "", **config: Any) -> Request:
    request: Request = next(adapter.submit(*args, access(base_url, **config)))
    return request


def body(request: Request) -> Any:
    return orjson.loads(request.body)


# ------------------------------------------------------------------------------------------------ OpenAI


def test_openai_lyrics():
    request = asked(openai, work(), lyrics_model="m-1")

    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert request.headers == {
        "authorization": f"Bearer {KEY}",
        "accept": "application/json",
        "content-type": "application/json",
    }
    sent = body(request)
    assert sent["messages"][0]["role"] == "system"
    assert "lyrics of a song" in sent["messages"][0]["content"]
    assert sent["messages"][1:] == [{"role": "user", "content": "a city that flies"}]
    assert set(sent) == {"model", "messages"}
    assert sent["model"] == "m-1"


def test_openai_caption():
    sent = body(asked(openai, work("caption", image=PNG, prompt="What is this?")))

    assert sent == {
        "model": "gpt-4o-mini",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PNG}},
                ],
            }
        ],
    }


def test_openai_image():
    request = asked(openai, work("image", prompt="a city", aspect_ratio="3:2", quality="high", n=2))

    assert request.url == "https://api.openai.com/v1/images/generations"
    assert body(request) == {
        "model": "gpt-image-1.5",
        "prompt": "a city",
        "size": "1536x1024",
        "quality": "high",
        "n": 2,
    }


def test_openai_image_from_pictures_is_a_form():
    request = asked(openai, work("image", prompt="a\r\n--form-x\r\ncity", image_urls=[PNG, PNG]))

    assert request.url == "https://api.openai.com/v1/images/edits"
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    first, *parts, last = request.body.split(f"--{boundary}".encode())
    assert (first, last) == (b"", b"--\r\n")
    heads = [part.split(b"\r\n")[1] for part in parts]
    assert heads == [
        b'content-disposition: form-data; name="model"',
        b'content-disposition: form-data; name="prompt"',
        b'content-disposition: form-data; name="image[]"; filename="0.png"',
        b'content-disposition: form-data; name="image[]"; filename="1.png"',
    ]
    assert b"\x89PNG\r\n\x1a\n" in parts[2]


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("", "https://api.openai.com/v1/chat/completions"),
        ("https://llm.example", "https://llm.example/v1/chat/completions"),
        ("https://llm.example/", "https://llm.example/v1/chat/completions"),
        ("https://llm.example/v1/", "https://llm.example/v1/chat/completions"),
        ("https://llm.example/openai/v4", "https://llm.example/openai/v4/chat/completions"),
        ("http://10.1.2.3:8080", "http://10.1.2.3:8080/v1/chat/completions"),
    ],
)
def test_openai_address(base_url: str, expected: str):
    assert asked(openai, work(), base_url=base_url).url == expected


# --------------------------------------------------------------------------------------------- Anthropic


def test_anthropic_lyrics():
    request = asked(anthropic, work(), lyrics_model="m-1")

    assert (request.method, request.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert request.headers == {
        "x-api-key": KEY,
        "anthropic-version": "2023-06-01",
        "accept": "application/json",
        "content-type": "application/json",
    }
    sent = body(request)
    assert "lyrics of a song" in sent.pop("system")
    assert sent == {
        "model": "m-1",
        "max_tokens": 2000,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a city that flies"}]},
        ],
    }


def test_anthropic_caption():
    sent = body(asked(anthropic, work("caption", image=BASE64)))

    [message] = sent["messages"]
    picture, question = message["content"]
    assert picture == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": BASE64},
    }
    assert question["text"].startswith("Describe this picture")
    assert "system" not in sent


# ------------------------------------------------------------------------------------------------ Google


def test_google_lyrics():
    request = asked(google, work(), lyrics_model="m-1.5")

    assert (
        request.url
        == "https://generativelanguage.googleapis.com/v1beta/models/m-1.5:generateContent"
    )
    assert request.headers == {
        "x-goog-api-key": KEY,
        "accept": "application/json",
        "content-type": "application/json",
    }
    sent = body(request)
    [instruction] = sent.pop("systemInstruction")["parts"]
    assert "lyrics of a song" in instruction["text"]
    assert sent == {
        "contents": [{"role": "user", "parts": [{"text": "a city that flies"}]}],
        "generationConfig": {"maxOutputTokens": 2000},
    }


def test_google_caption():
    sent = body(asked(google, work("caption", image_url=PNG, prompt="What is this?")))

    assert sent["contents"][0]["parts"] == [
        {"text": "What is this?"},
        {"inlineData": {"mimeType": "image/png", "data": BASE64}},
    ]


def test_google_image():
    given = {"aspect_ratio": "16:9", "resolution": "2K", "enable_web_search": True}
    request = asked(google, work("image", prompt="a city", image_urls=[PNG], **given))

    assert request.url.endswith("/models/gemini-3.1-flash-image:generateContent")
    assert body(request) == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "a city"},
                    {"inlineData": {"mimeType": "image/png", "data": BASE64}},
                ],
            }
        ],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        },
        "tools": [{"googleSearch": {}}],
    }


def test_google_image_without_wishes():
    sent = body(asked(google, work("image", prompt="a city", resolution="8K")))

    assert sent["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}
    assert "tools" not in sent


@pytest.mark.parametrize("model", ["../../admin", "a b", "a:b", "a?b", "x" * 101])
def test_google_model_that_could_not_stand_in_a_path_needs_the_owner(model: str):
    assert told(submit(google, work(), lyrics_model=model)) == (AccountNeedsOwner, Need.SETUP)


@pytest.mark.parametrize(
    ("adapter", "end"), [(anthropic, "/v1"), (google, "/v1beta")], ids=["anthropic", "google"]
)
def test_the_version_may_stand_in_the_address(adapter: Any, end: str):
    plain, versioned = (
        asked(adapter, work(), base_url=f"https://gateway.example{path}").url
        for path in ("", f"{end}/")
    )

    assert plain == versioned
    assert plain.startswith(f"https://gateway.example{end}/m")


# --------------------------------------------------------------------------------------------------- all


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (work("lyrics", prompt=" "), (ProviderRefused, Why.INVALID)),
        (work("lyrics", prompt=7), (ProviderRefused, Why.INVALID)),
        (work("caption", image=""), (ProviderRefused, Why.INVALID)),
        (work("caption", image="no picture"), (ProviderRefused, Why.INVALID)),
        (work("caption", image="QUJDRA=="), (ProviderRefused, Why.INVALID)),
        (work("caption", image="https://us.example/1.png"), (AccountNeedsOwner, Need.SETUP)),
        (work("dance"), (ProviderUnavailable, False, None)),
    ],
)
def test_what_cannot_be_asked_is_refused_unasked(adapter: Any, given: Any, expected: Any):
    assert told(submit(adapter, given)) == expected


@pytest.mark.parametrize("adapter", [openai, google], ids=lambda one: one.name)
def test_a_picture_needs_a_prompt(adapter: Any):
    assert told(submit(adapter, work("image", prompt=""))) == (ProviderRefused, Why.INVALID)


def test_anthropic_paints_nothing():
    assert told(submit(anthropic, work("image", prompt="a city"))) == (
        ProviderUnavailable,
        False,
        None,
    )


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
def test_an_account_that_cannot_be_used(adapter: Any):
    nowhere = run(adapter.submit(work(), Access("ftp://x", KEY)))
    keyless = run(adapter.check(Access("", "")))

    assert told(nowhere) == (AccountNeedsOwner, Need.SETUP)
    assert told(keyless) == (BadCredentials,)
