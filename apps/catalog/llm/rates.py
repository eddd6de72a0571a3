"""Which rates can price which kind of model.

A price that misses what a kind is measured by would let calls pass for nothing, so it counts as no price at all.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from apps.catalog.llm.model import LlmKind

_Sets = tuple[frozenset[str], ...]

# A price is complete with every rate of one of these.
_COMPLETE: Mapping[LlmKind, _Sets] = MappingProxyType(
    {
        LlmKind.CHAT: (frozenset({"input", "output"}), frozenset({"request"})),
        LlmKind.EMBEDDING: (frozenset({"input"}), frozenset({"request"})),
        LlmKind.IMAGE: (
            frozenset({"image"}),
            frozenset({"input", "output"}),
            frozenset({"request"}),
        ),
        LlmKind.SPEECH: (
            frozenset({"character"}),
            frozenset({"minute"}),
            frozenset({"input", "output"}),
            frozenset({"request"}),
        ),
        LlmKind.TRANSCRIPTION: (
            frozenset({"minute"}),
            frozenset({"input", "output"}),
            frozenset({"request"}),
        ),
        LlmKind.MODERATION: (frozenset({"input"}), frozenset({"request"})),
    }
)


def is_complete(kind: LlmKind, rates: Collection[str]) -> bool:
    return any(needed <= set(rates) for needed in _COMPLETE[kind])


def strange_rates(kind: LlmKind, rates: Collection[str]) -> str:
    """A sentence where there are some that do not make a price."""
    if not rates or is_complete(kind, rates):
        return ""
    ways = " or ".join(" with ".join(sorted(needed)) for needed in _COMPLETE[kind])
    return f"A {kind} model is priced by {ways}."
