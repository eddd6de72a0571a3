"""What the platform knows of one model of the LLM lane: an entry of `models.toml`, no behaviour of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from apps.accounts.policies import Feature
from apps.providers.llm.base import Operation


class LlmKind(StrEnum):
    CHAT = "chat"
    EMBEDDING = "embedding"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    MODERATION = "moderation"


# Which kind of model serves an operation.
KINDS: Mapping[Operation, LlmKind] = MappingProxyType(
    {
        Operation.CHAT: LlmKind.CHAT,
        Operation.COMPLETIONS: LlmKind.CHAT,
        Operation.RESPONSES: LlmKind.CHAT,
        Operation.MESSAGES: LlmKind.CHAT,
        Operation.EMBEDDINGS: LlmKind.EMBEDDING,
        Operation.IMAGES: LlmKind.IMAGE,
        Operation.IMAGE_EDITS: LlmKind.IMAGE,
        Operation.SPEECH: LlmKind.SPEECH,
        Operation.TRANSCRIPTION: LlmKind.TRANSCRIPTION,
        Operation.TRANSLATION: LlmKind.TRANSCRIPTION,
        Operation.MODERATION: LlmKind.MODERATION,
    }
)


class Takes(StrEnum):
    """What may be in a request to it besides text."""

    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"
    TOOLS = "tools"
    JSON = "json"
    REASONING = "reasoning"


# Of how many units a rate in US$ is the price; an operator's override is always of one.
UNITS_PRICED: Mapping[str, int] = MappingProxyType(
    {
        "input": 1_000_000,
        "cached_input": 1_000_000,
        "cache_write": 1_000_000,
        "output": 1_000_000,
        "reasoning": 1_000_000,
        "audio_input": 1_000_000,
        "audio_output": 1_000_000,
        "character": 1_000_000,
        "image": 1,
        "minute": 1,
        "request": 1,
        # In place of `request` for an answer that came without a picture.
        "request_without_image": 1,
    }
)

PROVIDERS = ("openai", "anthropic", "google", "federation", "local")
# An id that ends with it stands for every name that goes on with a GPT's id.
WILDCARD = "*"


class LlmRoute(NamedTuple):
    """A provider, and what it calls the model."""

    provider: str
    model: str


def _known_provider(route: LlmRoute) -> LlmRoute:
    if route.provider not in PROVIDERS:
        raise ValueError(f"there is no provider {route.provider!r}, only {', '.join(PROVIDERS)}")
    return route


def _known_rates(rates: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    for name in rates:
        if name not in UNITS_PRICED:
            raise ValueError(f"there is no rate {name!r}, only {', '.join(UNITS_PRICED)}")
    return MappingProxyType(dict(rates))


def _exact(value: Any) -> Any:
    # A float has lost the price already; TOML's numbers are read as Decimal. (A bool is an int to Python.)
    if isinstance(value, float | bool):
        raise ValueError("write an amount such as 0.15")  # noqa: TRY004 - the reader wants ValueError
    return value


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,98}\*?$")]
_Usd = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=0, le=100_000, max_digits=18, decimal_places=12)
]
_Tokens = Annotated[int, Field(ge=0, le=100_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmModel:
    """One callable model.

    `feature` is what a plan must include to call it. `context_tokens` bounds what can be read and written together,
    `max_output_tokens` what is written, `image_tokens` what one picture can count: a hold is made from them.
    `rates` and `minimum_usd` are US$ (`UNITS_PRICED`); empty where only the operator can say. See `pricing`.
    `sets` are fields that every call's body gets, whatever it says itself.
    `deprecated_on` is the day on which its vendor stops serving it: a notice, other servers may go on. From
    `retired_on` nobody can call it; `replaced_by` is what to call instead.
    `routes` in order of preference: see `every_route`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: _Name
    kind: LlmKind
    title: Annotated[str, Field(min_length=1, max_length=100)]
    owned_by: Annotated[str, Field(min_length=1, max_length=50)]
    family: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")] = "llm"
    feature: Feature | None = None
    context_tokens: _Tokens = 0
    max_output_tokens: _Tokens = 0
    image_tokens: _Tokens = 0
    takes: frozenset[Takes] = frozenset()
    stream_only: bool = False
    released_on: date
    deprecated_on: date | None = None
    retired_on: date | None = None
    replaced_by: str = ""
    aliases: tuple[_Name, ...] = ()
    rates: Annotated[Mapping[str, _Usd], AfterValidator(_known_rates)] = field(
        default_factory=_nothing
    )
    minimum_usd: _Usd = Decimal(0)
    routes: tuple[Annotated[LlmRoute, AfterValidator(_known_provider)], ...] = ()
    sets: Annotated[Mapping[str, Any], AfterValidator(MappingProxyType)] = field(
        default_factory=_nothing
    )
    # Of a GPT, from the name it was asked for by; no entry has it.
    gizmo_id: Annotated[str, Field(max_length=0)] = field(default="", repr=False)

    @property
    def name(self) -> str:
        """What customers call it; other than `id` only for a GPT."""
        return self.id.replace(WILDCARD, self.gizmo_id) if self.gizmo_id else self.id

    @property
    def every_route(self) -> tuple[LlmRoute, ...]:
        """The named ones, then any server that speaks our contract, which knows it by the same name."""
        if any(route.provider == "federation" for route in self.routes):
            return self.routes
        return (*self.routes, LlmRoute("federation", self.name))

    def serves(self, operation: Operation) -> bool:
        return KINDS[operation] is self.kind

    def is_retired(self, today: date) -> bool:
        return self.retired_on is not None and self.retired_on <= today

    def of_gizmo(self, gizmo_id: str) -> "LlmModel":
        """Itself, for one GPT: providers are asked for that one."""
        routes = tuple(
            LlmRoute(route.provider, route.model.replace(WILDCARD, gizmo_id))
            for route in self.routes
        )
        return replace(self, gizmo_id=gizmo_id, routes=routes)
