"""The list that comes with the platform, against what the API promises."""

from apps.accounts.policies import Feature
from apps.catalog.llm.model import LlmKind
from apps.catalog.llm.pricing import list_price
from apps.catalog.llm.registry import llm_models

_OPUS = {"input": "11.25", "cached_input": "1.125", "cache_write": "14.0625", "output": "56.25"}
_SONNET = {"input": "2.25", "cached_input": "0.225", "cache_write": "2.8125", "output": "11.25"}
PRICES = {
    "gpt-4o-mini": {"input": "0.1125", "cached_input": "0.05625", "output": "0.45"},
    "gpt-4o": {"input": "1.875", "cached_input": "0.9375", "output": "7.5"},
    "gpt-4.1": {"input": "1.5", "cached_input": "0.375", "output": "6"},
    "gpt-4.1-mini": {"input": "0.3", "cached_input": "0.075", "output": "1.2"},
    "gpt-4.1-nano": {"input": "0.075", "cached_input": "0.01875", "output": "0.3"},
    "gpt-4o-image": {"request": "0.02", "request_without_image": "0.00066"},
    "gpt-4-vision-preview": {"input": "10", "output": "30"},
    "gpt-image-2-preview": {"input": "5", "cached_input": "1.25", "output": "30"},
    "gpt-image-1.5": {"input": "5", "cached_input": "1.25", "output": "32"},
    "gpt-image-1": {"input": "5", "cached_input": "1.25", "output": "40"},
    "dall-e-3": {"image": "0.04"},
    "dall-e-2": {"image": "0.02"},
    "text-embedding-ada-002": {"input": "0.1"},
    "tts-1": {"character": "15"},
    "tts-1-hd": {"character": "30"},
    "whisper-1": {"minute": "0.006"},
    "omni-moderation-latest": {"request": "0"},
    "claude-3-7-sonnet-20250219": _SONNET,
    "claude-sonnet-4-20250514": _SONNET,
    "claude-3-5-sonnet-20240620": _SONNET,
    "claude-3-opus-20240229": _OPUS,
    "local-chat": {"input": "0.01", "output": "0.02"},
    "local-embedding": {"input": "0.005"},
    "local-speech": {"character": "0.5"},
    "local-transcription": {"minute": "0.0006"},
    "local-image": {"image": "0.001"},
    "local-moderation": {"request": "0.000001"},
}
OPERATOR_PRICED = {
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-1106",
    "gpt-4",
    "gpt-4-1106-preview",
    "gpt-4-0125-preview",
    "gpt-4o-plus",
    "gpt-auto",
    "o1-mini",
    "o1-preview",
    "gpt-5",
    "gpt-5.2",
    "uncensored-small-32k-20240717",
    "gpt-4-gizmo-*",
    "sora-2-preview",
    "sora-2-hd-preview",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-nothinking",
    "gemini-2.5-flash-lite",
}


def test_prices_are_those_promised():
    listed = {
        id: {rate: f"{usd}" for rate, usd in model.rates.items()}
        for id, model in llm_models().items()
        if model.rates
    }

    assert listed == PRICES
    assert {
        id: str(m.minimum_usd) for id, m in llm_models().items() if m.minimum_usd
    } == dict.fromkeys(
        ("local-chat", "local-embedding", "local-speech", "local-transcription"), "1E-7"
    )


def test_the_others_have_no_price():
    assert {id for id, model in llm_models().items() if list_price(model) is None} == (
        OPERATOR_PRICED
    )


def test_plans_open_the_dearer_ones():
    gated = {id: model.feature for id, model in llm_models().items() if model.feature}

    assert gated == {
        "gpt-4-gizmo-*": Feature.PUBLIC_GPTS,
        **dict.fromkeys(
            (
                "gpt-4o",
                "gpt-4o-plus",
                "gpt-4-vision-preview",
                "dall-e-2",
                "dall-e-3",
                "claude-3-7-sonnet-20250219",
                "claude-sonnet-4-20250514",
                "claude-3-5-sonnet-20240620",
                "claude-3-opus-20240229",
                "claude-opus-4-6",
                "claude-sonnet-4-6",
            ),
            Feature.PREMIUM_LLM,
        ),
    }


def test_films_and_pictures_in_chat_are_streams_only():
    assert {id for id, model in llm_models().items() if model.stream_only} == {
        "gpt-4o-image",
        "sora-2-preview",
        "sora-2-hd-preview",
    }
    assert llm_models()["sora-2-preview"].routes == ()


def test_a_hold_can_be_made_for_everything_that_chats_or_reads():
    bounded = {LlmKind.CHAT, LlmKind.EMBEDDING, LlmKind.MODERATION}
    unbounded = {
        id
        for id, model in llm_models().items()
        if model.kind in bounded
        and not (model.context_tokens and (model.max_output_tokens or model.kind != LlmKind.CHAT))
    }

    assert unbounded == set()
    assert {
        id
        for id, model in llm_models().items()
        if model.kind is LlmKind.CHAT and ("image" in model.takes) != (model.image_tokens > 0)
    } == set()


def test_not_thinking_is_said_to_the_provider():
    assert {id: dict(model.sets) for id, model in llm_models().items() if model.sets} == {
        "gemini-2.5-flash-nothinking": {"reasoning_effort": "none"}
    }
