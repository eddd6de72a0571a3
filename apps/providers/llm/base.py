"""What a provider of language models looks like to the rest of the platform: translation both ways, nothing else.

No I/O, no database, no prices, no retries, as in `apps.providers.base`, whose errors are raised here too. The
difference: a customer waits for the answer and may read it while it is made, so an answer is either whole (`answer`) or
decoded piece by piece from the bytes as they arrive (`decoder`).

The common language is OpenAI's: whatever a customer speaks and whatever a provider speaks is translated to and from
it, unless both speak the same (`LlmProvider.speaks`); then it passes as it is.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from apps.core.values import frozen
from apps.core.wire import Request, Response
from apps.providers.base import Access, ProviderError


class Operation(StrEnum):
    """What is asked for, and with it the shape of request and answer."""

    CHAT = "chat"  # OpenAI's chat completions, the common language
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    MESSAGES = "messages"  # Anthropic's
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    IMAGE_EDITS = "image_edits"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"
    MODERATION = "moderation"


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form, as the customer sent it."""

    field: str
    file_name: str
    content_type: str
    data: bytes = dataclasses.field(repr=False)


@frozen
class Call:
    """One attempt to have something answered.

    `model` is the provider's name for it. `body` has the operation's own shape and has been checked: it holds nothing
    that names an address or a credential. It is not to be changed: the next attempt starts from the same.
    """

    operation: Operation
    model: str
    body: Mapping[str, Any] = field(repr=False)
    is_stream: bool = False
    files: tuple[FilePart, ...] = ()
    timeout_seconds: float = 600
    max_bytes: int = 64 * 1024 * 1024


@frozen
class Usage:
    """What was used, as far as the provider says.

    `input_tokens` includes those read from or written to a cache and those of audio, `output_tokens` those of reasoning
    and audio; the more special numbers are parts of these.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    audio_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    images: int = 0
    characters: int = 0
    audio_ms: int = 0


@frozen
class Answer:
    """A whole answer in the operation's shape: JSON, or bytes with their type (speech, plain text)."""

    body: dict[str, Any] | bytes
    usage: Usage | None
    content_type: str = "application/json"


@dataclass(slots=True)
class Piece:
    """One event of a stream.

    `data` is a `chat.completion.chunk`, or the event of whichever operation the provider speaks itself, which then has
    its name in `event`. `text` is what was written in this piece (answer, reasoning, arguments of tools), for counting.
    `usage` is what the provider has told so far, complete or not, each time replacing what came before. Bytes of a
    stream that is no JSON (speech) are in `raw`.
    """

    data: dict[str, Any] | None
    text: str = ""
    usage: Usage | None = None
    event: str = ""
    raw: bytes = b""


class Decoder(Protocol):
    """Reads one stream. Not to be used again after it raised."""

    # The provider has said that this is all.
    is_complete: bool

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that these bytes complete. Raises ProviderError for an error inside the stream."""
        ...

    def close(self) -> list[Piece]:
        """The connection has ended: what is left. Raises ProviderUnavailable when it ended before its time."""
        ...


class LlmProvider(Protocol):
    """One provider's interface. Stateless: one instance serves every account."""

    # As in routes and accounts: `apps.providers.registry`.
    name: ClassVar[str]

    def speaks(self, operation: Operation, access: Access | None = None) -> bool:
        """Whether it takes the operation in its own shape; what it does not take may go to it as CHAT.

        With `access` it is about the server of that account: not all of them know all operations.
        """
        ...

    def request(self, call: Call, access: Access) -> Request:
        """What to send. Raises ProviderRefused for what this provider has no words for."""
        ...

    def answer(self, call: Call, response: Response, access: Access) -> Answer:
        """A whole answer. Raises ProviderError, also for an error that calls itself a success."""
        ...

    def failure(self, response: Response, access: Access) -> ProviderError:
        """What an answer other than 2xx means."""
        ...

    def decoder(self, call: Call, access: Access) -> Decoder:
        """For the body of a successful answer to a call with `is_stream`."""
        ...
