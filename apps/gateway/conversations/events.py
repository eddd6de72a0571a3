"""The stream of a round in the contract's shape: each event has the whole text so far."""

import time
from typing import Any

from apps.core.refusals import Refusal
from apps.gateway.surfaces import base
from apps.gateway.surfaces.base import Bill
from apps.llm.services.conversations.rounds import Round
from apps.providers.llm.base import Piece, Usage

# An event repeats all that came before it: the longer a text is, the rarer they become.
_PAUSE_SECONDS = 0.04
_BYTES_A_SECOND = 200_000


class RoundEncoder:
    """Writes one answer. `text` is what there is of it."""

    def __init__(self, round: Round) -> None:
        self._round = round
        self.text = ""
        self._shown = ""
        self._shown_at = float("-inf")
        self._begun_at = time.time()

    @property
    def keep_alive(self) -> bytes:
        """What was held back, or a comment."""
        return base.COMMENT if self._shown == self.text else self._event()

    def piece(self, piece: Piece) -> bytes:
        self.text += written(piece)
        pause = max(_PAUSE_SECONDS, len(self.text) / _BYTES_A_SECOND)
        if self._shown == self.text or time.monotonic() < self._shown_at + pause:
            return b""
        return self._event()

    def end(self, usage: Usage, bill: Bill) -> bytes:
        data = self._data("finished_successfully", is_end=True)
        data["message"]["metadata"]["usage"] = {
            "type": "point",
            "frozen": bill.points,
            "consume": bill.points,
        }
        return base.event(data) + base.DONE

    def failed(self, refusal: Refusal) -> bytes:
        data = self._data("in_progress", is_end=True)
        data["error"] = refusal.body["error"]
        return base.event(data) + base.DONE

    def _event(self) -> bytes:
        self._shown, self._shown_at = self.text, time.monotonic()
        return base.event(self._data("in_progress", is_end=None))

    def _data(self, status: str, *, is_end: bool | None) -> dict[str, Any]:
        one = self._round
        return {
            "message": {
                "id": str(one.answer_id),
                "author": {"role": "assistant", "name": None, "metadata": {}},
                "create_time": one.created_at.timestamp(),
                "update_time": time.time(),
                "content": {"content_type": "text", "parts": [self.text]},
                "status": status,
                "end_turn": is_end,
                "weight": 1.0,
                "metadata": {"model_slug": one.asked_as, "parent_id": str(one.question_id)},
                "recipient": "all",
            },
            "conversation_id": str(one.conversation_id),
            "error": None,
        }


def written(piece: Piece) -> str:
    """The answer's text in a piece: neither thoughts nor calls of tools."""
    choices = piece.data.get("choices") if piece.data else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return ""
    delta = choices[0].get("delta")
    found = delta.get("content") if isinstance(delta, dict) else None
    # PostgreSQL keeps no zero characters, and half a character is none.
    return found.replace("\0", "") if isinstance(found, str) else ""
