from typing import Any

import pytest

from apps.core import media
from apps.core.wire import NoAnswer, Response
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Standing,
)
from tests.providers.chat.samples import (
    ADAPTERS,
    BASE64,
    ELSEWHERE,
    KEY,
    PAGE,
    REFERENCE,
    UNKNOWN,
    Why,
    access,
    anthropic,
    chat_answer,
    content_answer,
    google,
    message_answer,
    openai,
    submit,
    work,
)
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import answer, run, told

CAPTION = work("caption", image=PNG)
IMAGE = work("image", prompt="a city")
MODERATED = (ProviderRefused, Why.MODERATED)
FAILED = (ProviderRefused, Why.FAILED)
INVALID = (ProviderRefused, Why.INVALID)
SONG = "Paper Lanterns\n\n[Verse]\nA city"
WORDS = {"text": "[Verse]\nA city", "title": "Paper Lanterns", "lyrics": "[Verse]\nA city"}


@pytest.mark.parametrize(
    ("adapter", "body", "id"),
    [
        (openai, chat_answer(SONG), "chatcmpl-1"),
        (openai, chat_answer([{"type": "text", "text": SONG}, {"type": "x"}]), "chatcmpl-1"),
        (anthropic, message_answer(SONG), "msg_1"),
        (anthropic, message_answer("Paper Lanterns\n", "\n[Verse]\nA city", None), "msg_1"),
        (google, content_answer({"text": SONG}), "r-1"),
        (google, content_answer({"text": "Hm.", "thought": True}, {"text": SONG}), "r-1"),
    ],
)
def test_lyrics_are_words_with_a_title(adapter: Any, body: Any, id: str):
    assert submit(adapter, work(), answer(body)) == Done(WORDS, provider_id=id)


@pytest.mark.parametrize(
    ("text", "title", "lyrics"),
    [
        ("**Paper Lanterns**\n[Verse]\nA city", "Paper Lanterns", "[Verse]\nA city"),
        ('Title: "Paper Lanterns"\n\n[Verse]\nA city', "Paper Lanterns", "[Verse]\nA city"),
        ("# Paper Lanterns\n[Verse]\nA city", "Paper Lanterns", "[Verse]\nA city"),
        ("[Verse]\nA city\nflies", "", "[Verse]\nA city\nflies"),
        ("A city", "", "A city"),
        ("x" * 99 + "\nA city", "x" * 80, "A city"),
    ],
)
def test_title_is_told_from_the_first_line(text: str, title: str, lyrics: str):
    assert submit(openai, work(), answer(chat_answer(text))).output == {
        "text": lyrics,
        "title": title,
        "lyrics": lyrics,
    }


@pytest.mark.parametrize(
    ("adapter", "body"),
    [
        (openai, chat_answer(" A harbour.\x00 ")),
        (anthropic, message_answer("A harbour.")),
        (google, content_answer({"text": "A harbour."})),
    ],
)
def test_caption_is_a_sentence(adapter: Any, body: Any):
    assert submit(adapter, CAPTION, answer(body)).output == {"caption": "A harbour."}


def b64(*images: Any) -> Any:
    return {"created": 1, "data": [{"b64_json": one} for one in images]}


def inline(*images: Any) -> Any:
    parts = ({"inlineData": {"mimeType": "image/png", "data": one}} for one in images)
    return content_answer({"text": "Here."}, *parts)


@pytest.mark.parametrize("adapter", [openai, google], ids=lambda one: one.name)
def test_pictures_come_as_bytes(adapter: Any):
    shape = b64 if adapter is openai else inline

    one = submit(adapter, IMAGE, answer(shape(BASE64)))
    two = submit(adapter, IMAGE, answer(shape(BASE64, "no picture", BASE64)))

    data = media.inline_bytes(PNG)
    assert (one.output, one.files) == ({"image_url": "", "image_urls": None}, {"image_url": data})
    assert two.output == {"image_url": "", "image_urls": ["", ""]}
    assert two.files == {"image_urls.0": data, "image_urls.1": data}


@pytest.mark.parametrize(
    ("adapter", "body"),
    [
        (openai, b64()),
        (openai, b64("QUJDRA==", None, 7, "https://files.example/1.png")),
        (openai, {"data": [7, {"url": "https://files.example/1.png"}]}),
        (google, inline()),
        (google, inline("QUJDRA==", None, [1])),
        (google, content_answer({"inlineData": "x"}, 7)),
        (google, {"candidates": []}),
    ],
)
def test_no_picture_is_a_failure(adapter: Any, body: Any):
    assert told(submit(adapter, IMAGE, answer(body))) == FAILED


# ------------------------------------------------------------------------------ refusals that succeed


@pytest.mark.parametrize(
    ("adapter", "done", "body", "expected"),
    [
        (openai, work(), chat_answer(None, refusal="I cannot help."), MODERATED),
        (openai, work(), chat_answer("", finish="content_filter"), MODERATED),
        (openai, work(), chat_answer(""), FAILED),
        (openai, work(), chat_answer(None), FAILED),
        (anthropic, work(), message_answer("I", stop="refusal"), MODERATED),
        (anthropic, work(), {"stop_reason": "refusal"}, MODERATED),
        (anthropic, work(), message_answer(), FAILED),
        (google, work(), {"promptFeedback": {"blockReason": "SAFETY"}}, MODERATED),
        *(
            (google, IMAGE, content_answer(finish=reason), MODERATED)
            for reason in (
                "SAFETY",
                "IMAGE_SAFETY",
                "PROHIBITED_CONTENT",
                "IMAGE_PROHIBITED_CONTENT",
                "RECITATION",
                "IMAGE_RECITATION",
                "BLOCKLIST",
                "SPII",
            )
        ),
        (google, IMAGE, content_answer({"text": "Give a picture."}, finish="NO_IMAGE"), INVALID),
        (google, IMAGE, content_answer(finish="IMAGE_OTHER"), INVALID),
        (google, work(), content_answer(), FAILED),
    ],
)
def test_success_that_is_a_refusal(adapter: Any, done: Any, body: Any, expected: Any):
    assert told(submit(adapter, done, answer(body))) == expected


def test_the_models_reason_is_passed_on_without_secrets():
    refusal = submit(openai, work(), answer(chat_answer(None, refusal=f"Not with {KEY}.")))
    missing = submit(
        google, IMAGE, answer(content_answer({"text": f"Not for {REFERENCE}."}, finish="NO_IMAGE"))
    )

    assert str(refusal) == "Not with [removed]."
    assert str(missing) == "Not for [removed]."


# ---------------------------------------------------------------------------------------------- errors


def openai_error(message: str = "No.", code: Any = None, kind: str = "x") -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic_error(kind: str, message: str = "No.") -> Any:
    return {"type": "error", "error": {"type": kind, "message": message}}


def google_error(status: str, message: str = "No.", **detail: Any) -> Any:
    return {"error": {"code": 400, "status": status, "message": message, "details": [detail]}}


BALANCE, SETUP = (AccountNeedsOwner, Need.BALANCE), (AccountNeedsOwner, Need.SETUP)
BAD = (BadCredentials,)


@pytest.mark.parametrize(
    ("adapter", "body", "status", "expected"),
    [
        (openai, openai_error(code="invalid_api_key"), 401, BAD),
        (openai, openai_error(), 401, BAD),
        (openai, openai_error(code="insufficient_quota"), 429, BALANCE),
        (openai, openai_error("You exceeded your current quota"), 429, BALANCE),
        (openai, openai_error(code="billing_hard_limit_reached"), 400, BALANCE),
        (openai, openai_error(code="rate_limit_exceeded"), 429, ELSEWHERE),
        (openai, openai_error(), 429, ELSEWHERE),
        (openai, openai_error(code="moderation_blocked"), 400, MODERATED),
        (openai, openai_error(code="content_policy_violation"), 400, MODERATED),
        (openai, openai_error("Your input was flagged"), 403, MODERATED),
        (openai, openai_error("must be verified to use the model"), 403, SETUP),
        (openai, openai_error(code="model_not_found"), 404, SETUP),
        (openai, openai_error(code="unsupported_country_region_territory"), 403, SETUP),
        (openai, openai_error(code="invalid_value"), 400, INVALID),
        (openai, openai_error(), 413, INVALID),
        (openai, openai_error(), 422, INVALID),
        (openai, openai_error(), 500, UNKNOWN),
        (openai, openai_error("The engine is overloaded"), 503, ELSEWHERE),
        # OpenAI's interface by others: an error inside a success, a plain sentence, a number for a code.
        (openai, {"error": {"code": 402, "message": "insufficient credits"}}, 200, BALANCE),
        (openai, {"error": "model overloaded"}, 200, ELSEWHERE),
        (openai, {"message": "insufficient balance"}, 402, BALANCE),
        (openai, {"detail": "No."}, 400, INVALID),
        (anthropic, anthropic_error("authentication_error"), 401, BAD),
        (anthropic, anthropic_error("permission_error"), 403, SETUP),
        (anthropic, anthropic_error("not_found_error"), 404, SETUP),
        (anthropic, anthropic_error("rate_limit_error"), 429, ELSEWHERE),
        (anthropic, anthropic_error("overloaded_error"), 529, ELSEWHERE),
        (anthropic, anthropic_error("request_too_large"), 413, INVALID),
        (anthropic, anthropic_error("invalid_request_error"), 400, INVALID),
        (
            anthropic,
            anthropic_error("invalid_request_error", "Your credit balance is too low to access"),
            400,
            BALANCE,
        ),
        (anthropic, anthropic_error("invalid_request_error", "blocked by content policy"), 400, MODERATED),
        (anthropic, anthropic_error("api_error"), 500, UNKNOWN),
        (google, google_error("INVALID_ARGUMENT", reason="API_KEY_INVALID"), 400, BAD),
        (google, google_error("INVALID_ARGUMENT", "API key expired."), 400, BAD),
        (google, [google_error("INVALID_ARGUMENT", reason="API_KEY_INVALID")], 400, BAD),
        (google, google_error("UNAUTHENTICATED"), 401, BAD),
        (google, google_error("PERMISSION_DENIED"), 403, SETUP),
        (google, google_error("FAILED_PRECONDITION", "location is not supported"), 400, SETUP),
        (google, google_error("NOT_FOUND", "models/x is not found"), 404, SETUP),
        (google, google_error("INVALID_ARGUMENT"), 400, INVALID),
        (
            google,
            google_error("RESOURCE_EXHAUSTED", "You exceeded your current quota", retryDelay="17.5s"),
            429,
            (ProviderUnavailable, False, 17.0),
        ),
        (google, google_error("RESOURCE_EXHAUSTED", retryDelay="soon"), 429, ELSEWHERE),
        (google, google_error("UNAVAILABLE"), 503, ELSEWHERE),
        (google, google_error("INTERNAL"), 500, UNKNOWN),
    ],
)  # fmt: skip
def test_errors_mean_what_they_say(adapter: Any, body: Any, status: int, expected: Any):
    assert told(submit(adapter, work(), answer(body, status))) == expected


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (PAGE, 401, BAD),
        (PAGE, 402, BALANCE),
        (PAGE, 403, SETUP),
        (PAGE, 404, SETUP),
        (PAGE, 302, ELSEWHERE),
        # A proxy's, not about the work.
        (PAGE, 400, ELSEWHERE),
        (PAGE, 413, ELSEWHERE),
        (PAGE, 429, ELSEWHERE),
        (PAGE, 408, UNKNOWN),
        (PAGE, 500, UNKNOWN),
        (PAGE, 504, UNKNOWN),
        # Nonsense: it may be paid for all the same.
        (PAGE, 200, UNKNOWN),
        (b"", 200, UNKNOWN),
        (b"null", 200, UNKNOWN),
        (b"[]", 200, UNKNOWN),
        (b'{"choices":[{"mess', 200, UNKNOWN),
        (b"[" * 5000, 200, UNKNOWN),
        ({"surprise": 1}, 200, UNKNOWN),
        (
            {"choices": "x", "content": "x", "candidates": "x"},
            200,
            UNKNOWN,
        ),
        ({"choices": [], "content": None, "candidates": None}, 200, UNKNOWN),
    ],
)
def test_odd_answers_come_to_something(adapter: Any, body: Any, status: int, expected: Any):
    assert told(submit(adapter, work(), answer(body, status))) == expected


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
@pytest.mark.parametrize("sent", [True, False])
def test_a_missing_answer_is_unknown_only_when_it_was_sent(adapter: Any, sent: bool):
    error = submit(adapter, work(), NoAnswer("Timed out.", sent=sent))

    assert told(error) == (ProviderUnavailable, sent, None)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
def test_retry_after_is_passed_on(adapter: Any):
    limited = answer({"error": {"message": "slow"}}, 429, retry_after="12")

    assert told(submit(adapter, work(), limited)) == (ProviderUnavailable, False, 12.0)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    "prompt",
    ["your credit balance is too low", "Incorrect API key", "rate_limit", "permission denied"],
)
def test_a_customers_own_words_do_not_park_the_account(adapter: Any, prompt: str):
    echo = {"error": {"message": f"Invalid prompt: '{prompt}, in neon'"}}

    error = submit(adapter, work(prompt=f"{prompt}, in neon"), answer(echo, 400))

    assert told(error) == INVALID


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
def test_no_message_repeats_what_is_ours(adapter: Any):
    echo = {"error": {"message": f"key {KEY} or {REFERENCE} is odd"}}

    assert str(submit(adapter, work(), answer(echo, 400))) == "key [removed] or [removed] is odd"
    assert KEY not in repr(access())


# ----------------------------------------------------------------------------------------------- check


def listed(adapter: Any) -> Response:
    return answer({"models" if adapter is google else "data": [{}, {}, {}]})


@pytest.mark.parametrize(
    ("adapter", "url"),
    [
        (openai, "https://api.openai.com/v1/models"),
        (anthropic, "https://api.anthropic.com/v1/models"),
        (google, "https://generativelanguage.googleapis.com/v1beta/models"),
    ],
)
def test_check_lists_the_models(adapter: Any, url: str):
    request = next(adapter.check(access()))

    assert (request.method, request.url, request.body) == ("GET", url, b"")
    assert run(adapter.check(access()), listed(adapter)) == Standing(
        "The key is accepted; 3 models are listed."
    )


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (answer(openai_error(code="invalid_api_key"), 401), BAD),
        (answer(PAGE, 403), SETUP),
        (answer(PAGE, 404), SETUP),
        (answer(openai_error(code="insufficient_quota"), 429), BALANCE),
        (answer(PAGE, 429, retry_after="3"), (ProviderUnavailable, False, 3.0)),
        # Of a check nothing is the work's own fault, and nothing stays unknown.
        (answer(openai_error(code="moderation_blocked"), 400), ELSEWHERE),
        (answer(PAGE, 502), ELSEWHERE),
        (answer(PAGE, 200), ELSEWHERE),
        (answer({"data": 7, "models": {}}), ELSEWHERE),
        (NoAnswer("Refused.", sent=False), ELSEWHERE),
    ],
)
def test_check_says_what_is_wrong(adapter: Any, answered: Any, expected: Any):
    assert told(run(adapter.check(access()), answered)) == expected


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda one: one.name)
def test_there_is_nothing_to_ask_later(adapter: Any):
    assert told(run(adapter.poll({}, access()))) == FAILED
    assert told(run(adapter.look_up(work(), access()))) == UNKNOWN
    assert run(adapter.cancel({}, access())) is False
    with pytest.raises(ValueError, match="calls nobody back"):
        adapter.callback(headers={}, body=b"{}", secret="s3cret")
