"""A conversation in chat shape, built from one whose messages are made of blocks or items."""

from typing import Any

_ATTACHED = "(The result is attached below.)"


class Conversation:
    """Messages in the order they are told, with what chat wants of them.

    Calls belong to the assistant's message before them; results hold only text, so what else a tool returned
    (pictures, files) follows all results as a message of the user.
    """

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._attached: list[dict[str, Any]] = []

    def say(self, role: str, parts: list[dict[str, Any]]) -> None:
        if not parts:
            return
        self._attach()
        content = _joined(parts) if role != "user" or len(parts) == 1 else None
        self._messages.append({"role": role, "content": parts if content is None else content})

    def call(self, call_id: str, name: str, arguments: str) -> None:
        self._attach()
        if not self._messages or self._messages[-1]["role"] != "assistant":
            self._messages.append({"role": "assistant", "content": None})
        call = {
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        self._messages[-1].setdefault("tool_calls", []).append(call)

    def result(self, call_id: str, parts: list[dict[str, Any]]) -> None:
        texts = [part for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        self._attached += others
        content = _joined(texts) or (_ATTACHED if others else "")
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def messages(self) -> list[dict[str, Any]]:
        self._attach()
        return self._messages

    def _attach(self) -> None:
        if self._attached:
            self._messages.append({"role": "user", "content": self._attached})
            self._attached = []


def text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _joined(parts: list[dict[str, Any]]) -> str | None:
    """The parts as one text, which every provider takes; none when there is something else among them."""
    if any(part["type"] != "text" for part in parts):
        return None
    return "\n\n".join(part["text"] for part in parts)


def without_nones(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
