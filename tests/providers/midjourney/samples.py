"""The work of these tests, a bridge's answers (written from its interface, not recorded), and what they come to."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from apps.core.wire import NoAnswer, Request, Response
from apps.providers import flow
from apps.providers.base import (
    Accepted,
    Access,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Work,
)
from apps.providers.midjourney_bridge import MidjourneyBridge
from tests.providers.wire import Wire, answer, run

SECRET = "bridge_secret_0123456789"
REFERENCE = "ref-5f2b7d1e9c"
CALLBACK = f"https://us.example/hooks/providers/{REFERENCE}"
ID = "1320098173412546"
HASH = "3dbbd469-36af-4a0f-8f02-df6c579e7011"
ACCESS = Access("https://bridge.example", SECRET)
HANDLE = {"task_id": ID, "job": "imagine"}
PAGE = b"<html><title>Just a moment...</title></html>"
PICTURE = "https://cdn.discordapp.com/attachments/1/2/grid.png?ex=66a4a55e&is=66a353de"
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBg"
    "AAAABQABpfZFQAAAAABJRU5ErkJggg=="
)
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
ELSEWHERE = (ProviderUnavailable, False, None)
ACCEPTED = Accepted(ID, HANDLE)
adapter = MidjourneyBridge()


def work(job: str = "imagine", *, mode: str = "", parent: Any = None, **given: Any) -> Work:
    """One of its tasks; an imagine of a flying city where nothing else is given."""
    return Work(
        reference=REFERENCE,
        job=job,
        model="midjourney",
        task_type=job,
        input=given or {"prompt": "a flying city"},
        mode=mode,
        parent=parent or {},
    )


def button(label: str, custom_id: str) -> dict[str, Any]:
    return {"customId": custom_id, "emoji": "", "label": label, "type": 2, "style": 2}


_SOLO = f"1::{HASH}::SOLO"
GRID = [
    *([f"U{n}", f"MJ::JOB::upsample::{n}::{HASH}"] for n in range(1, 5)),
    ["🔄", f"MJ::JOB::reroll::0::{HASH}::SOLO"],
    *([f"V{n}", f"MJ::JOB::variation::{n}::{HASH}"] for n in range(1, 5)),
]
SINGLE = [
    ["Upscale (Subtle)", f"MJ::JOB::upsample_v6r1_2x_subtle::{_SOLO}"],
    ["Upscale (Creative)", f"MJ::JOB::upsample_v6r1_2x_creative::{_SOLO}"],
    ["Upscale (2x)", f"MJ::JOB::upsample_v5_2x::{_SOLO}"],
    ["Upscale (4x)", f"MJ::JOB::upsample_v5_4x::{_SOLO}"],
    ["Light Upscale Redo", f"MJ::JOB::upsample_light::{_SOLO}"],
    ["Beta Upscale Redo", f"MJ::JOB::upsample_beta::{_SOLO}"],
    ["Vary (Subtle)", f"MJ::JOB::low_variation::{_SOLO}"],
    ["Vary (Strong)", f"MJ::JOB::high_variation::{_SOLO}"],
    ["Vary (Region)", f"MJ::Inpaint::{_SOLO}"],
    ["Zoom Out 2x", f"MJ::Outpaint::50::{_SOLO}"],
    ["Zoom Out 1.5x", f"MJ::Outpaint::75::{_SOLO}"],
    ["Custom Zoom", f"MJ::CustomZoom::{HASH}"],
    ["Make Square", f"MJ::Outpaint::100::{_SOLO}"],
    *(
        [arrow, f"MJ::JOB::pan_{where}::{_SOLO}"]
        for arrow, where in zip("⬅➡⬆⬇", ("left", "right", "up", "down"), strict=True)
    ),
]
PROMPT = "a flying city --ar 16:9 --fast"
GRID_PARENT = {"id": ID, "buttons": GRID, "hash": HASH, "prompt": PROMPT}
SINGLE_PARENT = {"id": ID, "buttons": SINGLE, "hash": HASH, "prompt": PROMPT}
# A bridge of the simple kind shows no buttons.
BARE_PARENT = {"id": ID, "buttons": [], "prompt": PROMPT}


def told_id(
    code: int = 1, result: Any = ID, description: str = "ok", **properties: Any
) -> Response:
    """A bridge's answer to a submit."""
    body = {"code": code, "description": description, "result": result, "properties": properties}
    return answer(body)


def task(status: Any = "IN_PROGRESS", **changes: Any) -> dict[str, Any]:
    """A task as a fetch tells it."""
    data = {
        "id": ID,
        "action": "IMAGINE",
        "status": status,
        "prompt": "a flying city",
        "promptEn": "a flying city",
        "description": "/imagine a flying city",
        "state": REFERENCE,
        "submitTime": 1_767_225_600_000,
        "startTime": 1_767_225_601_000,
        "finishTime": None,
        "progress": "45%",
        "imageUrl": None,
        "failReason": None,
        "buttons": [],
        "properties": {"finalPrompt": PROMPT, "messageHash": HASH, "messageId": "118"},
    }
    return data | changes


def submit(done: Work, *answers: Response | NoAnswer, access: Access = ACCESS) -> Any:
    return run(adapter.submit(done, access), *answers)


def sent(
    done: Work, *answers: Response | NoAnswer, access: Access = ACCESS
) -> list[tuple[str, dict[str, Any]]]:
    """Path and body of each request of a submit, whatever comes of it."""
    wire = Wire(*(answers or (told_id(),)))
    with suppress(ProviderError):
        flow.run(adapter.submit(done, access), wire)
    return [(_path(request), orjson.loads(request.body or b"{}")) for request in wire.requests]


def poll(*answers: Response | NoAnswer, handle: Any = HANDLE) -> Any:
    return run(adapter.poll(handle, ACCESS), *answers)


def look_up(*answers: Response | NoAnswer, done: Work | None = None) -> Any:
    return run(adapter.look_up(done or work(), ACCESS), *answers)


def with_config(**config: Any) -> Access:
    return replace(ACCESS, config=config)


def _path(request: Request) -> str:
    return request.url.removeprefix("https://bridge.example")
