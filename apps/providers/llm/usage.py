"""Numbers by which a provider says what was used, and which decide what a customer pays: none is taken on trust.

A number that is none (a text, a fraction, negative, absurdly large) makes the whole usage unknown where it is a total,
and counts as nothing where it is a part. A part is never more than its total.
"""

from typing import Any

from apps.providers.llm.base import Usage

# A thousand times the largest context there is.
MOST = 10**9
_LONGEST_AUDIO_SECONDS = 10**6


def count(value: Any) -> int | None:
    """A count of tokens; None for what is none."""
    return value if type(value) is int and 0 <= value <= MOST else None


def part(value: Any, most: int) -> int:
    """A count that is contained in another."""
    return 0 if value is None else min(count(value) or 0, most)


def tokens(found: Any, *, has_output: bool = True) -> Usage | None:
    """OpenAI's usage in either of its spellings. Zero of everything is what servers say that do not count."""
    if not isinstance(found, dict):
        return None
    said_input, said_output = _totals(found)
    given = count(said_input)
    made = count(said_output) if has_output else 0
    if given is None or made is None or given + made == 0:
        return None
    of_input = _details(
        found, "prompt_tokens_details", "input_tokens_details", "input_token_details"
    )
    of_output = _details(
        found, "completion_tokens_details", "output_tokens_details", "output_token_details"
    )
    cached = part(of_input.get("cached_tokens", found.get("prompt_cache_hit_tokens")), given)
    return Usage(
        input_tokens=given,
        cached_tokens=cached,
        cache_write_tokens=part(of_input.get("cache_write_tokens"), given - cached),
        audio_input_tokens=part(of_input.get("audio_tokens"), given),
        output_tokens=made,
        reasoning_tokens=part(of_output.get("reasoning_tokens"), made),
        audio_output_tokens=part(of_output.get("audio_tokens"), made),
    )


def audio_ms(seconds: Any) -> int | None:
    """Length of a recording, for which one server writes a number and the next a text."""
    if isinstance(seconds, str) and len(seconds) <= 20:
        try:
            seconds = float(seconds)
        except ValueError:
            return None
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= _LONGEST_AUDIO_SECONDS:
        return None
    return round(float(seconds) * 1000)


def as_chat(usage: Usage) -> dict[str, Any]:
    """The usage as a chat completion has it, for answers that had to be translated."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


def _totals(found: dict[str, Any]) -> tuple[Any, Any]:
    if "prompt_tokens" in found:
        return found["prompt_tokens"], found.get("completion_tokens")
    return found.get("input_tokens"), found.get("output_tokens")


def _details(found: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        details = found.get(name)
        if isinstance(details, dict):
            return details
    return {}
