"""The buttons under a Midjourney picture, and which action each of them is.

A button is told by its custom id, for labels change with languages and fashions. Only the parts of an id that name the
deed are looked at: the rest is the picture's own.
"""

import re
from collections.abc import Iterable
from typing import Any

from apps.providers import untrusted

Buttons = list[list[str]]
"""Label and custom id of each, as they stand in a result's facts."""

_MOST_BUTTONS, _LONGEST_LABEL, _LONGEST_ID = 40, 40, 200

_NAMED = {
    "reroll": r"MJ::JOB::reroll::",
    **{f"upscale{n}": rf"MJ::JOB::upsample::{n}::" for n in range(1, 5)},
    **{f"variation{n}": rf"MJ::JOB::variation::{n}::" for n in range(1, 5)},
    # Between name and size stands the version, where there is one: upsample_v6r1_2x_subtle.
    **{
        f"upscale_{name}": rf"MJ::JOB::upsample_(?:\w{{1,20}}_)?{name}(?:_old)?::"
        for name in ("light", "beta", "2x", "4x", "subtle", "creative")
    },
    "high_variation": r"MJ::JOB::high_variation::",
    "low_variation": r"MJ::JOB::low_variation::",
    "inpaint": r"MJ::Inpaint::",
    "outpaint_1.5x": r"MJ::Outpaint::75::",
    "outpaint_2x": r"MJ::Outpaint::50::",
    "outpaint_square": r"MJ::Outpaint::100::",
    "outpaint_custom": r"MJ::CustomZoom::",
    **{f"pan_{where}": rf"MJ::JOB::pan_{where}::" for where in ("left", "right", "up", "down")},
}
_ACTIONS = {name: re.compile(pattern) for name, pattern in _NAMED.items()}


def read(value: Any) -> Buttons:
    """Label (or its emoji) and custom id of every usable one that a task shows."""
    found = value[:_MOST_BUTTONS] if isinstance(value, list) else []
    return [
        [_label(one), custom_id]
        for one in found
        if isinstance(one, dict)
        and (custom_id := untrusted.text(one.get("customId"), most=_LONGEST_ID))
    ]


def custom_id(buttons: Any, action: str) -> str:
    """The button that does it; empty where there is none. `buttons` as in a result's facts."""
    pattern = _ACTIONS[action]
    return next((one for one in _custom_ids(buttons) if pattern.match(one)), "")


def actions(buttons: Any) -> list[str]:
    """What may follow, by our names ("upscale1", "high_variation", "pan_left"), in the order of the buttons."""
    named = (_action(one) for one in _custom_ids(buttons))
    return list(dict.fromkeys(filter(None, named)))


def _action(custom_id: str) -> str:
    return next((name for name, pattern in _ACTIONS.items() if pattern.match(custom_id)), "")


def _custom_ids(buttons: Any) -> Iterable[str]:
    pairs = buttons if isinstance(buttons, list) else []
    return (
        pair[1]
        for pair in pairs
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[1], str)
    )


def _label(button: dict[str, Any]) -> str:
    shown = untrusted.text(button.get("label"), most=_LONGEST_LABEL)
    return shown or untrusted.text(button.get("emoji"), most=_LONGEST_LABEL)
