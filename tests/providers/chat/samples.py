"""Work for providers of models, and answers as their documentation has them (not recorded)."""

from typing import Any

from apps.core.wire import NoAnswer, Response
from apps.providers.anthropic import Anthropic
from apps.providers.base import Access, ProviderRefused, ProviderUnavailable, Work
from apps.providers.google import Google
from apps.providers.openai_compatible import OpenAICompatible
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import run

KEY = "key-live-0123456789abcdef"
REFERENCE = "ref-5f2b7d1e9c"
PAGE = b"<html><h1>502 Bad Gateway</h1></html>"
BASE64 = PNG.partition(",")[2]
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
ELSEWHERE = (ProviderUnavailable, False, None)
openai, anthropic, google = OpenAICompatible(), Anthropic(), Google()
ADAPTERS = [openai, anthropic, google]


def work(job: str = "lyrics", **given: Any) -> Work:
    return Work(REFERENCE, job, "m", job, given or {"prompt": "a city that flies"})


def access(base_url: str = "", **config: Any) -> Access:
    return Access(base_url, KEY, config)


def submit(adapter: Any, done: Work, *answers: Response | NoAnswer, **config: Any) -> Any:
    return run(adapter.submit(done, access(**config)), *answers)


def chat_answer(content: Any = "words", *, finish: str = "stop", refusal: Any = None) -> Any:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


def message_answer(*texts: Any, stop: str = "end_turn") -> Any:
    content = [{"type": "text", "text": text} for text in texts]
    return {"id": "msg_1", "type": "message", "content": content, "stop_reason": stop}


def content_answer(*parts: Any, finish: str = "STOP") -> Any:
    content = {"role": "model", "parts": list(parts)}
    return {"responseId": "r-1", "candidates": [{"content": content, "finishReason": finish}]}
