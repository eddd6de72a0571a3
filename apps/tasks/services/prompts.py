"""Checking a prompt before anything is made of it."""

from django.conf import settings

from apps.catalog import selectors as catalog
from apps.catalog.inputs import TaskInput
from apps.catalog.midjourney import image_urls
from apps.catalog.midjourney.inputs import Imagine, prompt_of, skips_check
from apps.catalog.midjourney.prompt_check import Checked
from apps.catalog.midjourney.prompt_check import check as checked_prompt
from apps.core import egress
from apps.core.errors import DomainError
from apps.core.wire import NoAnswer, Request

_HEAD_SECONDS = 5
# A prompt of thousands of addresses is not a reason to make thousands of requests.
_MOST_HEADS = 5


class PromptRejected(DomainError):
    """The provider would not take this prompt; the message is the check's. `pool` is where it was to run."""

    type = "prompt_rejected"

    def __init__(self, message: str, *, pool: str = "") -> None:
        super().__init__(message, detail={"field": "input.prompt"})
        self.pool = pool


def examined(prompt: str, *, is_remix: bool = False, skip: bool = False) -> Checked:
    """What the check says of a prompt, with the operator's words and settings."""
    found = checked_prompt(
        prompt,
        banned=catalog.banned_words(),
        is_remix=is_remix,
        skip=skip,
        extra_parameters=settings.MIDJOURNEY_PARAMETERS,
    )
    if found.error_message or skip or not settings.MIDJOURNEY_HEAD_CHECK:
        return found
    return Checked(found.prompt, _head_error(prompt), found.aspect_ratio)


def check(values: TaskInput, *, pool: str) -> None:
    """Raises PromptRejected. Inputs without a prompt of this kind pass."""
    prompt = prompt_of(values)
    if prompt is None:
        return
    is_remix = not isinstance(values, Imagine)
    found = examined(prompt, is_remix=is_remix, skip=skips_check(values))
    if found.error_message:
        raise PromptRejected(found.error_message, pool=pool)


def _head_error(prompt: str) -> str:
    """What is wrong with the first image that does not answer to a HEAD; "" when all do."""
    for url in image_urls.urls_to_head(prompt)[:_MOST_HEADS]:
        if error := image_urls.head_error(url=url, code=_head(url)):
            return error
    return ""


def _head(url: str) -> int:
    """The status of the answer; 0 for none, as from an address that nobody may reach from here."""
    try:
        return egress.send(Request("HEAD", url, timeout_seconds=_HEAD_SECONDS, redirects=3)).status
    except NoAnswer:
        return 0
