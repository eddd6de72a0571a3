"""Reading what a Midjourney bridge answers, whatever it really sends.

Bridges answer a submit with `code`, `description`, `result` (the new task's id) and `properties`; a fetch with the task
itself. Relays in front of them have error objects of their own. Which of the family it is, nobody says.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from apps.core import media
from apps.core.wire import Response
from apps.providers import contract, midjourney_buttons, midjourney_words, untrusted
from apps.providers.base import (
    BadCredentials,
    Done,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Running,
)

Why = ProviderRefused.Why

_SUBMITTED, _FORM, _QUEUED = 1, 21, 22
_NOT_FOUND, _INVALID, _QUEUE_FULL, _BANNED_WORD = 3, 4, 23, 24
_LONGEST_PROMPT, _LONGEST_FACT = 6000, 120
_UNREADABLE = "The bridge's answer cannot be read."
_NO_REASON = "The bridge says that the task failed, not why."
_DISCORD = ("discordapp.com", "discordapp.net", "discord.com")
_NUMBER = re.compile(r"\s*(?:[1-9]\ufe0f?\u20e3|[1-9][.):])\s*")


class State(Enum):
    RUNNING = "running"
    FORM = "form"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {
    "SUCCESS": State.DONE,
    "FAILURE": State.FAILED,
    "CANCEL": State.CANCELLED,
    "CANCELLED": State.CANCELLED,
    "MODAL": State.FORM,
}


@dataclass(frozen=True)
class Answer:
    """`code` is the bridge's own, None where it has none; `words` are its reason, empty where it gives none. `body` is
    what was sent, None for nothing and for what is no JSON."""

    status: int
    code: int | None
    task_id: str | None
    words: str
    properties: Mapping[str, Any]
    body: Any
    is_empty: bool
    retry_after_seconds: float | None

    @property
    def message(self) -> str:
        return self.words or f"The bridge answered HTTP {self.status} without a reason."

    @property
    def is_taken(self) -> bool:
        return self.code in (_SUBMITTED, _FORM, _QUEUED) and self.status < 400

    @property
    def has_opened_form(self) -> bool:
        """The same code says that the very task exists already; then its state comes along."""
        state = untrusted.text(self.properties.get("status")).upper()
        is_known = bool(self.properties.get("imageUrl")) or state not in ("", "MODAL")
        return self.is_taken and self.code == _FORM and not is_known

    @property
    def is_gone(self) -> bool:
        """Of a fetch: the bridge has no such task. A page of somebody else's says nothing."""
        if self.is_empty:
            return self.status in (200, 204)
        return self.status in (200, 404) and self.code == _NOT_FOUND


@dataclass(frozen=True)
class BridgeTask:
    """A task as the bridge tells it; every part but the id may be missing or wrong."""

    id: str
    state: State
    fields: Mapping[str, Any]
    secrets: Collection[str]

    @property
    def properties(self) -> Mapping[str, Any]:
        found = self.fields.get("properties")
        return found if isinstance(found, dict) else {}

    @property
    def progress(self) -> int | None:
        shown = self.fields.get("progress")
        digits = shown.strip().removesuffix("%") if isinstance(shown, str) else shown
        return untrusted.whole(digits, most=100)

    @property
    def picture(self) -> str:
        return _address(self.fields.get("imageUrl"))

    @property
    def prompt(self) -> str:
        """The prompt as Midjourney has it, with its parameters."""
        sources = (self.properties.get("finalPrompt"), self.fields.get("promptFull"))
        texts = (untrusted.text(one, most=_LONGEST_PROMPT) for one in sources)
        shown = untrusted.text(self.fields.get("promptEn"), most=_LONGEST_PROMPT)
        return next(filter(None, texts), shown)


def read(response: Response, *, secrets: Collection[str]) -> Answer:
    """What the bridge says. No message of it holds any of `secrets`."""
    try:
        body = untrusted.parsed(response.body)
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    properties = fields.get("properties")
    return Answer(
        status=response.status,
        code=untrusted.whole(fields.get("code"), most=99_999),
        task_id=contract.task_id_of({"task_id": fields.get("result")}),
        words=untrusted.without(_words(fields), secrets),
        properties=properties if isinstance(properties, dict) else {},
        body=body,
        is_empty=response.body.strip() in (b"", b"null"),
        retry_after_seconds=untrusted.seconds(response.headers.get("retry-after", "")),
    )


def nonsense(*, creating: bool = False) -> ProviderUnavailable:
    return ProviderUnavailable(_UNREADABLE, is_unknown=creating)


def refusal(answer: Answer, *, prompt: str = "", follows: bool = False) -> ProviderError:
    """Why a submit was not taken. `follows`: it names a task that the bridge may have forgotten."""
    if answer.code == _BANNED_WORD:
        word = untrusted.text(answer.properties.get("bannedWord"), most=60)
        words = f"{answer.message} ({word})" if word else answer.message
        return ProviderRefused(words, why=Why.MODERATED)
    if answer.code == _QUEUE_FULL:
        return _unavailable(answer)
    if found := _meant(answer, prompt):
        return found
    if answer.code == _NOT_FOUND:
        lost = ProviderRefused(answer.message, why=Why.INVALID)
        return lost if follows else _unavailable(answer)
    if answer.code == _INVALID and answer.status < 500:
        return ProviderRefused(answer.message, why=Why.INVALID)
    return trouble(answer, creating=True)


def _meant(answer: Answer, prompt: str) -> ProviderError | None:
    """What its words mean, where they can mean that of something that was just sent."""
    found = midjourney_words.failure(answer.words, echoed=(prompt,))
    if isinstance(found, ProviderUnavailable):
        # A gateway's words say nothing of what became of the request behind it.
        return None if answer.status >= 500 else _unavailable(answer)
    if isinstance(found, ProviderRefused) and found.why in (Why.TIMEOUT, Why.CANCELLED):
        return None
    return found


def trouble(answer: Answer, *, creating: bool = False) -> ProviderError:
    """What an answer is that is about no task, by its status."""
    if answer.status in (401, 403):
        return BadCredentials(answer.message)
    if creating and answer.status == 413:
        return ProviderRefused(answer.message, why=Why.INVALID)
    return _unavailable(answer, is_unknown=creating and not _is_surely_not_created(answer))


def task_of(body: Any, *, secrets: Collection[str]) -> BridgeTask | None:
    """The task that was told; None where it has no usable id."""
    task_id = contract.task_id_of({"task_id": body.get("id")}) if isinstance(body, dict) else None
    if task_id is None:
        return None
    word = untrusted.text(body.get("status"), most=40).upper()
    # A word of nobody's: it may come to an end that we know, or to the task's deadline.
    return BridgeTask(task_id, _STATES.get(word, State.RUNNING), body, secrets)


def failed(task: BridgeTask) -> ProviderError:
    """Why a failed or cancelled task failed: its own fault, or the account's."""
    told = untrusted.text(task.fields.get("failReason"), most=4000)
    message = untrusted.without(told, task.secrets) or _NO_REASON
    if task.state is State.CANCELLED:
        return ProviderRefused(message if told else "It was cancelled.", why=Why.CANCELLED)
    names = ("prompt", "promptEn", "promptFull", "description")
    echoed = [untrusted.text(task.fields.get(name), most=_LONGEST_PROMPT) for name in names]
    found = midjourney_words.failure(message, echoed=(*echoed, task.prompt), ends_work=True)
    return found or ProviderRefused(message)


def running(task: BridgeTask) -> Running:
    return Running(progress=task.progress, previews=(task.picture,) if task.picture else ())


def done(task: BridgeTask, *, describes: bool) -> Done:
    """The result. Raises ProviderRefused where the bridge calls it finished without one."""
    return _described(task) if describes else _drawn(task)


def _drawn(task: BridgeTask) -> Done:
    if not task.picture:
        raise ProviderRefused("The bridge calls the task finished, but gives no picture.")
    link = next(filter(_is_discord, (task.picture, _own_link(task))), "")
    return Done(
        {"image_url": task.picture},
        provider_id=task.id,
        links={"discord_image_url": link} if link else {},
        facts=_facts(task),
    )


def _described(task: BridgeTask) -> Done:
    lines = [line.strip() for line in task.prompt.splitlines() if line.strip()]
    if not lines:
        raise ProviderRefused("The bridge calls the task finished, but gives no description.")
    prompts = [_NUMBER.sub("", line, count=1).strip() for line in lines[:4]]
    numbered = (f"{number}\ufe0f\u20e3 {one}" for number, one in enumerate(prompts, start=1))
    output = {"description": "\n\n".join(numbered), "prompts": prompts}
    kept: dict[str, Any] = untrusted.kept(output)
    return Done(kept, provider_id=task.id)


def _facts(task: BridgeTask) -> dict[str, Any]:
    """What follow-ups need. A bridge's task tells much more, and nothing of that is kept."""
    texts = {
        "hash": task.properties.get("messageHash") or task.fields.get("jobId"),
        "message_id": task.properties.get("messageId") or task.fields.get("messageId"),
        "seed": seed_in(task.fields.get("seed")),
    }
    facts: dict[str, Any] = {
        name: text
        for name, value in texts.items()
        if (text := untrusted.text(value, most=_LONGEST_FACT))
    }
    if task.prompt:
        facts["prompt"] = task.prompt
    facts["buttons"] = midjourney_buttons.read(task.fields.get("buttons"))
    kept: dict[str, Any] = untrusted.kept(facts)
    return kept


def seed_in(value: Any) -> str:
    """A seed as its digits; empty for what is none."""
    number = untrusted.whole(value, most=2**32 - 1)
    return "" if number is None else str(number)


def _own_link(task: BridgeTask) -> str:
    """Some bridges serve a copy of the picture and tell the original's address beside it."""
    return _address(task.properties.get("discordImageUrl"))


def _address(value: Any) -> str:
    try:
        return media.checked_url(value) if isinstance(value, str) and media.is_url(value) else ""
    except media.MediaError:
        return ""


def _is_discord(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return any(host == one or host.endswith(f".{one}") for one in _DISCORD)


def _words(fields: Mapping[str, Any]) -> str:
    error = fields.get("error")
    nested = error.get("message") if isinstance(error, dict) else error
    candidates = (fields.get("description"), nested, fields.get("message"))
    texts = (untrusted.text(one, most=4000) for one in candidates)
    return next(filter(None, texts), "")


def _unavailable(answer: Answer, *, is_unknown: bool = False) -> ProviderUnavailable:
    return ProviderUnavailable(
        answer.message, is_unknown=is_unknown, retry_after_seconds=answer.retry_after_seconds
    )


def _is_surely_not_created(answer: Answer) -> bool:
    """What is said before anything is taken; a gateway's 5xx and what cannot be read say neither."""
    return 300 <= answer.status < 408 or answer.status in (413, 429)
