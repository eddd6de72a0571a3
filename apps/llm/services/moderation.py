"""The operator's say on prompts before anybody else reads them: a moderation server of their own, if one is set.

`LLM_MODERATION_URL` is asked in OpenAI's shape (`{"input": [texts]}` → `{"results": [{"flagged": …}]}`), so OpenAI's
own endpoint, another Modelyard or twenty lines of the operator's will do.
"""

import logging
from collections.abc import Iterator
from typing import Any

import orjson
from django.conf import settings

from apps.core import egress
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.core.threads import in_thread
from apps.core.wire import NoAnswer, Request
from apps.llm.services.questions import Question

log = logging.getLogger(__name__)

_SECONDS = 5
_MOST_TEXT = 100_000


class Rejected(DomainError):
    """The operator's rules do not allow the prompt."""

    type = "prompt_rejected"


class Unchecked(DomainError):
    """The prompt could not be checked, and unchecked ones are not let through."""

    type = "no_route"


async def check(question: Question) -> None:
    """Raises Rejected, or Unchecked where the server does not answer and LLM_MODERATION_REQUIRED is set."""
    if not settings.LLM_MODERATION_URL:
        return
    words = "\n".join(_texts(question.body))[:_MOST_TEXT]
    if not words:
        return
    is_flagged = await in_thread(_is_flagged, words)
    if is_flagged:
        raise Rejected(sentence("The prompt was rejected by this service's content rules."))


def _is_flagged(words: str) -> bool:
    headers = {"content-type": "application/json"}
    if settings.LLM_MODERATION_KEY:
        headers["authorization"] = f"Bearer {settings.LLM_MODERATION_KEY}"
    request = Request(
        "POST",
        settings.LLM_MODERATION_URL,
        headers=headers,
        body=orjson.dumps({"input": [words]}),
        timeout_seconds=_SECONDS,
    )
    try:
        response = egress.send(request)
        results = response.json()["results"]
        return any(bool(one["flagged"]) for one in results)
    except (NoAnswer, ValueError, KeyError, TypeError) as error:
        log.warning("prompt not checked", extra={"error": type(error).__name__})
        if settings.LLM_MODERATION_REQUIRED:
            raise Unchecked(
                sentence(
                    "The prompt could not be checked just now. Nothing was charged; try again."
                ),
                retry_after=5,
            ) from None
        return False


def _texts(value: Any) -> Iterator[str]:
    """Every text that a person or program wrote in a request, wherever it stands."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if not one.startswith("data:"):
                yield one
        elif isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            waiting += [part for name, part in one.items() if name in _READ]


_READ = frozenset(
    {
        "messages", "content", "text", "input", "prompt", "system", "instructions", "output",
    }
)  # fmt: skip
