"""How much text an answer holds, for providers that do not say what they used."""

from typing import Any

# Under these names answers of every operation keep what was written, and what holds it.
_READ = frozenset(
    {
        "content", "text", "refusal", "reasoning_content", "reasoning", "arguments", "thinking", "input",
        "choices", "message", "output", "summary", "tool_calls", "function", "function_call",
    }
)  # fmt: skip


def written_bytes(body: Any) -> int:
    """Bytes of UTF-8 of all that was written in a whole answer, whatever its operation; of bytes nothing."""
    if not isinstance(body, dict):
        return 0
    total = 0
    waiting: list[Any] = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            total += len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += [part for name, part in value.items() if name in _READ]
    return total
