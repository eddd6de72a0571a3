"""What an attempt is charged for, whatever way it ended. Numbers in, numbers out.

The published table (docs/llm/billing.md) says the same in words; tests hold the two together.
"""

from dataclasses import replace

from apps.core.values import frozen
from apps.llm.models import End, UsageSource
from apps.providers.llm.base import Usage

_BYTES_PER_TOKEN = 4
# Tokens that providers count and that are in no text: the frame of an answer, of each choice.
_UNSEEN_OUTPUT = 64
# Some round the length of a sound up to whole seconds.
_ROUNDED_UP_MS = 1000
# Of these nothing is charged, whatever was used.
FREE = frozenset({End.REFUSED, End.FAILED})
# So where the price is of a whole answer, of one that broke off without its reader's doing.
_BROKEN = frozenset({End.UPSTREAM_CUT, End.TIMED_OUT, End.GATEWAY_LOST})


@frozen
class Bounds:
    """What is certain of a call before it is made, and our own count of what it asks.

    No believable report goes beyond `most`. `counted_input` is by our rule. What a call consists of besides tokens
    (pictures, characters, audio) is in `most` and is exact where the request says it. `is_flat`: the price is of a
    whole answer.
    """

    most: Usage
    counted_input: int
    is_flat: bool = False


def tokens_of(text_bytes: int) -> int:
    """Tokens of a text by our rule: four bytes of UTF-8 each, rounded up."""
    return -(-text_bytes // _BYTES_PER_TOKEN)


def judged(
    *, end: End, reported: Usage | None, text_bytes: int, bounds: Bounds
) -> tuple[Usage, UsageSource]:
    """What counts as used, and where the numbers come from.

    A whole answer counts as its provider says, where that can be; one that broke off counts what had arrived of it,
    by our rule: what a provider says half-way is not the end.
    """
    if end in FREE or (bounds.is_flat and end in _BROKEN):
        return Usage(), UsageSource.NONE
    if end in (End.COMPLETED, End.EMPTY):
        if reported is not None and is_believable(reported, bounds, text_bytes=text_bytes):
            return reported, UsageSource.REPORTED
        return _counted(text_bytes, bounds), UsageSource.COUNTED
    if not text_bytes:
        return Usage(), UsageSource.NONE
    return _broken_off(reported, text_bytes, bounds), UsageSource.COUNTED


def is_believable(reported: Usage, bounds: Bounds, *, text_bytes: int = 0) -> bool:
    """Whether a report can be true of this call: no provider can have read more than was sent, or written nothing."""
    most = bounds.most
    is_for_nothing = text_bytes > 0 and not (reported.output_tokens or reported.audio_ms)
    # Pictures that are measured in tokens took some.
    is_unmeasured = reported.images > 0 and most.output_tokens > 0 and not reported.output_tokens
    return not (is_for_nothing or is_unmeasured) and (
        reported.input_tokens <= most.input_tokens
        and reported.output_tokens <= most.output_tokens + _UNSEEN_OUTPUT
        and reported.images <= max(most.images, 0)
        and reported.characters <= most.characters
        and reported.audio_ms <= most.audio_ms + _ROUNDED_UP_MS
    )


def _counted(text_bytes: int, bounds: Bounds) -> Usage:
    most = bounds.most
    # What a picture took cannot be seen from it.
    written = most.output_tokens if most.images else tokens_of(text_bytes)
    return replace(
        most,
        input_tokens=bounds.counted_input,
        output_tokens=min(written, most.output_tokens),
    )


def _broken_off(reported: Usage | None, text_bytes: int, bounds: Bounds) -> Usage:
    usage = Usage(input_tokens=bounds.counted_input, output_tokens=tokens_of(text_bytes))
    if reported is None or not reported.input_tokens or not is_believable(reported, bounds):
        return usage
    # What was read is known before the first word is written.
    return replace(
        usage,
        input_tokens=reported.input_tokens,
        cached_tokens=reported.cached_tokens,
        cache_write_tokens=reported.cache_write_tokens,
        audio_input_tokens=reported.audio_input_tokens,
    )
