"""How the provider behaves: global knobs, the same ones drawn by chance, and words in a prompt such as `[delay=2]`."""

import random
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

_WORD = re.compile(r"\[([a-z_]+)(?:=([^\]\s]*))?\]")
# Short words for what tests want most.
_SHORT = {
    "nonsense": "[create=html]",
    "lost": "[create=lost]",
    "hang": "[create=hang]",
    "moderated": "[fail=11002]",
}
# Faulty answers of a create that are given after the task was made.
MAKES_TASK = frozenset({"lost", "hang", "stall", "html", "truncated", "empty", "types"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of one task. `create` and `poll` say how to answer: an HTTP status ("429"), or one of

    lost (close without an answer), hang (never answer), stall (half an answer), html, truncated, empty, types
    (JSON of wrong types); "" is a right answer.
    """

    # Seconds until it is completed; 0: completed in the answer to the create.
    delay: float = 0.05
    # Seconds of that in which it is still pending and can be cancelled.
    pending: float = 0.0
    # Code of its failure, 0 for success; `bills`: it costs all the same.
    fail: int = 0
    bills: bool = False
    price: int = 5000
    # Written as it is where `meta.usage.consume` stands, e.g. NaN, -1, "12".
    consume: str = ""
    create: str = ""
    # Whether a faulty answer to a create leaves a task behind: yes, no, or as the fault suggests.
    created: str = ""
    # The fault is gone after so many requests with this reference; 0: it stays.
    times: int = 0
    poll: str = ""
    poll_times: int = 0
    retry_after: int = 1
    # Seconds before any answer about it.
    slow: float = 0.0
    # once, all (creation too), reordered, late (by `late` seconds), forged (another secret), none.
    callbacks: str = "once"
    repeat: int = 1
    late: float = 1.0
    # ok, loopback, metadata, private, unreachable, other_host, huge, page, label, missing, cut, stall, redirect,
    # inline, file, none, text.
    result: str = "ok"

    def makes_task(self) -> bool:
        if self.created:
            return self.created == "yes"
        return self.create in MAKES_TASK


@dataclass
class Knobs:
    """Everything that can be set while it runs. `rates`: words and how often each is drawn for a create."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    rates: dict[str, float] = field(default_factory=dict)
    # Whether Idempotency-Key counts.
    idempotent: bool = True
    # on, off (404), ignored (the filter has no effect), blind (tasks do not show their reference), html, a status.
    look_up: str = "on"
    # An answer instead of any other, also to a right key: a status, hang, lost, html, …
    everything: str = ""
    balance: int = 1_000_000_000
    # Where result files are said to be; empty: here.
    files_url: str = ""
    # The output of completed tasks, with {url} where the file's address goes; empty: an image.
    output: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def set(self, values: dict[str, Any]) -> None:
        """Change some. Raises ValueError for a name that is none, TypeError for a value of another type."""
        for name, value in values.items():
            if name in _TASK_TYPES:
                self.behaviour = replace(self.behaviour, **{name: _cast(name, value)})
            elif name in _OWN:
                if type(value) is not type(getattr(self, name)):
                    raise TypeError(f"{name} must be a {type(getattr(self, name)).__name__}")
                setattr(self, name, value)
            else:
                raise ValueError(f"there is no knob {name!r}")
        if "seed" in values:
            self.chance = random.Random(self.seed)

    def shown(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in sorted(_OWN)}
        return own | {name: getattr(self.behaviour, name) for name in _TASK_TYPES}

    def behaviour_for(self, prompt: str) -> Behaviour:
        """The knobs, then what is drawn, then the words of the prompt."""
        drawn = "".join(word for word, rate in self.rates.items() if self.chance.random() < rate)
        if not drawn and "[" not in prompt:
            return self.behaviour
        words = dict(_words(drawn)) | dict(_words(prompt))
        return replace(self.behaviour, **words) if words else self.behaviour


_TASK_TYPES: dict[str, Any] = {one.name: type(one.default) for one in fields(Behaviour)}
_OWN = {one.name for one in fields(Knobs)} - {"behaviour", "chance"}


def _words(prompt: str) -> list[tuple[str, Any]]:
    found = []
    for name, value in _WORD.findall(prompt):
        if name in _SHORT:
            found += _words(_SHORT[name])
        elif name in _TASK_TYPES:
            found.append((name, _cast(name, value)))
    return found


def _cast(name: str, value: Any) -> Any:
    kind = _TASK_TYPES[name]
    if kind is bool:
        return value in (True, "", "1", "yes", "true")
    return kind(value)
