"""The bridge's tasks, in memory: what each is now follows from the clock, so none needs a timer of its own."""

import hashlib
import itertools
import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.bridge import pictures
from tests.bridge.behaviour import Behaviour, reason

MODES = ("relax", "fast", "turbo")
_VERSION = re.compile(r"--v\s+(\d)")
_GRIDS = frozenset({"IMAGINE", "BLEND", "VARIATION", "REROLL", "ZOOM", "PAN", "INPAINT"})
_UPSCALERS = {"4": ("light", "beta"), "5": ("v5_2x", "v5_4x")}
_numbers = itertools.count(1)


@dataclass(slots=True)
class Task:
    id: str
    action: str
    prompt: str
    state: str
    mode: str
    behaviour: Behaviour
    # When it was asked for, and when it began: a form that is not filled in yet has not.
    submitted: float
    started: float | None
    parent: "Task | None" = None
    # Of a picture taken out of a grid: which, 1 to 4.
    index: int = 0
    until: int = 0
    fetches: int = 0
    finished_fetches: int = 0
    is_cancelled: bool = False
    # What was sent with it: the bodies of its submit and of its form.
    bodies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_grid(self) -> bool:
        return self.action in _GRIDS

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.id.encode()).hexdigest()[:32]

    @property
    def seed(self) -> str:
        return str(int(self.hash[:8], 16))

    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.started is None:
            return 0.0
        age = time.time() - self.started
        return 1.0 if age >= self.behaviour.delay else age / self.behaviour.delay

    def status(self) -> str:
        if self.is_cancelled:
            return "FAILURE"
        if self.started is None:
            return "MODAL"
        if self.behaviour.lie == "unknown_status":
            return "PONDERING"
        if self.share() < 1.0 or self.behaviour.lie == "never":
            return "IN_PROGRESS" if self.share() > 0.05 else "SUBMITTED"
        return "FAILURE" if self.behaviour.fail else "SUCCESS"

    def image(self, name: str) -> bytes:
        """`<id>`, `<id>-again` (the second result of one that lies) or `<id>-step<n>`."""
        cell = pictures.size(self.prompt)
        if self.action == "UPSCALE":
            source = self.parent if self.parent is not None else self
            return pictures.single(pictures.colours(source.id)[max(self.index, 1) - 1], cell)
        _, is_step, step = name.partition("-step")
        dim = (int(step) + 1) / (self.behaviour.steps + 1) if is_step else 1.0
        return pictures.grid(
            f"{self.id}-again" if name.endswith("again") else self.id, cell, dim=dim
        )

    def data(self, base: str, *, discord_links: bool, shows_state: bool = True) -> dict[str, Any]:
        """The task as a bridge tells it."""
        status = self.status()
        properties = {"finalPrompt": self._final_prompt(status), "messageHash": self.hash}
        properties |= {"messageId": str(int(self.hash[:15], 16)), "discordInstanceId": "channel-1"}
        data: dict[str, Any] = {
            "id": self.id,
            "action": self.action,
            "status": status,
            "prompt": self.prompt,
            "promptEn": self.prompt,
            "description": f"/{self.action.lower()} {self.prompt}",
            "state": self.state,
            "submitTime": int(self.submitted * 1000),
            "startTime": int(self.started * 1000) if self.started else None,
            "finishTime": int(time.time() * 1000) if status in ("SUCCESS", "FAILURE") else None,
            "progress": self._progress(status),
            "imageUrl": self._image_url(status, base),
            "failReason": self._reason(status),
            "buttons": self._buttons() if status == "SUCCESS" else [],
            "properties": properties,
        }
        if discord_links and status == "SUCCESS" and data["imageUrl"]:
            properties["discordImageUrl"] = (
                f"https://cdn.discordapp.com/attachments/1/2/{self.id}.png"
            )
        if not shows_state:
            del data["state"]
        return data

    def _progress(self, status: str) -> str:
        if self.behaviour.lie == "progress_back" and status == "IN_PROGRESS":
            return f"{max(0, 90 - 10 * self.fetches)}%"
        return f"{int(100 * self.share())}%"

    def _image_url(self, status: str, base: str) -> str | None:
        if self.action == "DESCRIBE" or status in ("FAILURE", "MODAL", "SUBMITTED"):
            return None
        if status != "SUCCESS":
            step = min(int(self.share() * self.behaviour.steps), self.behaviour.steps - 1)
            return f"{base}/images/{self.id}-step{step}.png" if self.behaviour.steps else None
        if self.behaviour.lie == "no_image":
            return None
        is_second = self.behaviour.lie == "two_results" and self.finished_fetches > 1
        return f"{base}/images/{self.id}{'-again' if is_second else ''}.png"

    def _reason(self, status: str) -> str | None:
        if status != "FAILURE":
            return None
        if self.is_cancelled:
            return "cancelled by user"
        return reason(self.behaviour.fail, until=self.until)

    def _final_prompt(self, status: str) -> str:
        if self.action == "DESCRIBE":
            words = ("harbour at dusk", "quiet port", "boats and lanterns", "evening by the sea")
            lines = (f"{n}\ufe0f\u20e3 {one} --ar 1:1" for n, one in enumerate(words, start=1))
            return "\n\n".join(lines) if status == "SUCCESS" else ""
        return self.prompt

    def _buttons(self) -> list[dict[str, Any]]:
        ids = self._grid_buttons() if self.is_grid else self._single_buttons()
        return [
            {
                "customId": custom_id,
                "emoji": "" if label else "🔄",
                "label": label,
                "type": 2,
                "style": 2,
            }
            for label, custom_id in ids
        ]

    def _grid_buttons(self) -> list[tuple[str, str]]:
        ups = [(f"U{n}", f"MJ::JOB::upsample::{n}::{self.hash}") for n in range(1, 5)]
        varied = [(f"V{n}", f"MJ::JOB::variation::{n}::{self.hash}") for n in range(1, 5)]
        return [*ups, ("", f"MJ::JOB::reroll::0::{self.hash}::SOLO"), *varied]

    def _single_buttons(self) -> list[tuple[str, str]]:
        if self.action != "UPSCALE":
            return []
        solo = f"1::{self.hash}::SOLO"
        found = _VERSION.findall(self.prompt)
        sizes = _UPSCALERS.get(found[-1] if found else "6", ("v6_2x_subtle", "v6_2x_creative"))
        return [
            *((f"Upscale ({size})", f"MJ::JOB::upsample_{size}::{solo}") for size in sizes),
            ("Vary (Subtle)", f"MJ::JOB::low_variation::{solo}"),
            ("Vary (Strong)", f"MJ::JOB::high_variation::{solo}"),
            ("Vary (Region)", f"MJ::Inpaint::{solo}"),
            ("Zoom Out 2x", f"MJ::Outpaint::50::{solo}"),
            ("Zoom Out 1.5x", f"MJ::Outpaint::75::{solo}"),
            ("Custom Zoom", f"MJ::CustomZoom::{self.hash}"),
            ("Make Square", f"MJ::Outpaint::100::{solo}"),
            *((f"Pan {where}", f"MJ::JOB::pan_{where}::{solo}") for where in ("left", "right", "up", "down")),
        ]  # fmt: skip


@dataclass
class Seen:
    """What came in under one state. `modes`: how fast each submit asked to run, where it said so, and how it ran."""

    submits: int = 0
    fetches: int = 0
    cancels: int = 0
    task_ids: list[str] = field(default_factory=list)
    modes: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Store:
    tasks: dict[str, Task] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)

    def add(self, task: Task) -> Task:
        self.tasks[task.id] = task
        self.of(task.state).task_ids.append(task.id)
        return task

    def of(self, state: str) -> Seen:
        return self.seen.setdefault(state, Seen())

    def newest(self, limit: int) -> list[Task]:
        return list(reversed(self.tasks.values()))[:limit]

    def totals(self) -> dict[str, int]:
        """`duplicates`: work that was really done twice; a form that was never filled in is none."""
        ran = [
            [one for one in row.task_ids if self.tasks[one].started] for row in self.seen.values()
        ]
        return {
            "states": len(self.seen),
            "tasks": len(self.tasks),
            "submits": sum(row.submits for row in self.seen.values()),
            "duplicates": sum(max(0, len(ids) - 1) for ids in ran),
        }


def new_id() -> str:
    return f"{int(time.time() * 1000)}{next(_numbers):04}"
