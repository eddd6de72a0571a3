"""A call as the transports hand it over: checked for its shape, nothing decided yet."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from apps.accounts.selectors import Identity
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence
from apps.core.values import frozen
from apps.llm.policies import Bounds
from apps.providers.llm.base import FilePart, Operation, Usage


@frozen
class Question:
    """What somebody wants answered.

    `body` has the shape of `operation`, without model and stream; `as_chat` gives it in the common language, for
    providers that do not speak the operation (None: there is no such translation). `least` and `most` bound what is
    read, `counted` is our own count of it; `most` also says how many pictures, characters and milliseconds it is about.
    `output_tokens` is the most that the caller lets the model write, for each of `choices`; None: it does not say.
    `service_mode` is "public", "private" or "" (as the workspace set it).
    """

    identity: Identity
    operation: Operation
    model: str
    body: Mapping[str, Any] = field(repr=False)
    request_id: str
    least_input: int
    most: Usage
    counted_input: int
    as_chat: Callable[[], dict[str, Any]] | None = None
    is_stream: bool = False
    files: tuple[FilePart, ...] = ()
    output_tokens: int | None = None
    choices: int = 1
    service_mode: str = ""
    call_id: uuid.UUID = field(default_factory=uuid.uuid4)


def bounds(question: Question, *, context_tokens: int, output_tokens: int) -> Bounds:
    """What is certain beforehand, with the model's window. Raises InvalidRequest for what cannot fit into it."""
    if context_tokens and question.least_input > context_tokens:
        raise InvalidRequest(
            sentence(
                "The model reads at most {most} tokens; this request has at least {least}."
                " Shorten the messages.",
                most=context_tokens,
                least=question.least_input,
            ),
            detail={"field": "messages", "reason": "context_length_exceeded"},
        )
    most = question.most
    read = min(most.input_tokens, context_tokens) if context_tokens else most.input_tokens
    return Bounds(
        most=Usage(
            input_tokens=read,
            audio_input_tokens=most.audio_input_tokens,
            output_tokens=output_tokens,
            images=most.images,
            characters=most.characters,
            audio_ms=most.audio_ms,
        ),
        counted_input=min(question.counted_input, read),
    )
