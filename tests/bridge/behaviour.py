"""How the bridge behaves: knobs, and for one task words in its prompt such as `[delay=2]` or `[fail=captcha]`."""

import re
from dataclasses import dataclass, fields, replace
from typing import Any

_WORD = re.compile(r"\[([a-z_]+)(?:=([^\]]*))?\]")

# Why a task fails, in Midjourney's or a bridge's words; any other word is the reason itself.
REASONS = {
    "moderated": "Banned prompt detected",
    "invalid": "[Invalid parameter] Unrecognized parameter(s): --nothing",
    "link": "Invalid link: could not fetch image",
    "captcha": "The account needs human verification, captcha required",
    "banned": "You have been blocked from accessing Midjourney until <t:{until}:R>",
    "subscription": "Subscription expired: purchase a plan to go on",
    "fast_hours": "You have run out of fast hours",
    "queue": "The queue is full, try again later",
    "timeout": "Task timed out",
    "broken": "Something went wrong",
}


@dataclass(frozen=True)
class Behaviour:
    """What becomes of one task."""

    # Seconds until it is finished; 0: at the first look.
    delay: float = 0.05
    # So many previews on the way, at even steps.
    steps: int = 3
    # A word of REASONS, or a reason; it fails when it would be finished.
    fail: str = ""
    # unknown_status, no_image, progress_back, two_results (finished twice, with different pictures), never (it does
    # not end), other_id (a fetch tells of another task), forgotten.
    lie: str = ""
    # What a submit is answered: a code of the bridge ("23"), an HTTP status ("503"), html, lost (taken, then closed
    # without an answer), dropped (closed, not taken), no_account, or a word of REASONS; "" takes it.
    refuse: str = ""
    # The refusal is over after so many submits with this state; 0: it stays.
    times: int = 0


@dataclass(frozen=True)
class Knobs:
    """The bridge and its one account."""

    plan: str = "standard"
    fast_hours: float = 15.0
    # What a fast task takes of them; turbo takes twice as much.
    fast_cost: float = 0.5
    slots: int = 3
    # Without fast hours a fast task is refused at once, or taken and failed.
    exhausted: str = "submit"
    # The account waits for a person, or is blocked until then (Unix seconds): nothing is taken.
    captcha: bool = False
    banned_until: int = 0
    # What it offers for follow-ups: action (buttons) or change (U1-U4, V1-V4 and reroll only).
    follow_ups: str = "action"
    # Whether the account is in remix mode, in which buttons ask for a prompt.
    remix: bool = False
    # on, off (404), blind (without states).
    task_list: str = "on"
    # on, off (404), admin (403: only its administrator may see it).
    account_list: str = "on"
    cancels: bool = True
    # Whether it tells the original address of a picture beside its own.
    discord_links: bool = True
    delay: float = Behaviour.delay
    steps: int = Behaviour.steps
    fail: str = ""
    lie: str = ""
    refuse: str = ""
    times: int = 0

    def set(self, values: dict[str, Any]) -> "Knobs":
        """With some of them changed. Raises ValueError for a name that is none, TypeError for another type."""
        for name, value in values.items():
            if name not in _KINDS:
                raise ValueError(f"there is no knob {name!r}")
            wanted = (int, float) if _KINDS[name] is float else (_KINDS[name],)
            if type(value) not in wanted:
                raise TypeError(f"{name} must be a {_KINDS[name].__name__}")
        return replace(self, **values)

    def behaviour_for(self, prompt: str) -> Behaviour:
        """The knobs, then the words of the prompt."""
        base = Behaviour(**{name: getattr(self, name) for name in _OF_TASKS})
        words = {name: value for name, value in _WORD.findall(prompt) if name in _OF_TASKS}
        return replace(base, **{name: _OF_TASKS[name](value) for name, value in words.items()})


_OF_TASKS: dict[str, Any] = {one.name: type(one.default) for one in fields(Behaviour)}
_KINDS: dict[str, Any] = {one.name: type(one.default) for one in fields(Knobs)}


def reason(word: str, *, until: int = 0) -> str:
    return REASONS.get(word, word).replace("{until}", str(until))
