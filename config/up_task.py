"""The one real task that `./run up` sends: over HTTP, with a key, like any customer's."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PHOTO = Path(__file__).resolve().parent.parent / "static" / "demo" / "photo.jpg"
MODEL, TASK_TYPE = "Qubico/image-toolkit", "background-remove"
_POINTS_PER_DOLLAR = 10_000_000
_LONGEST_WAIT_SECONDS = 180
_PAUSE_SECONDS = 0.1
_FINAL = {"completed", "failed", "cancelled"}


class TaskFailed(Exception):
    """No result came back; the message says why in the API's own words."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came back for it."""

    url: str
    points: int


def run_task(*, base_url: str, api_key: str) -> Iterator[str | Result]:
    """Create the task and poll it. Yields each new state, then the `Result`."""
    with httpx.Client(
        base_url=base_url, headers={"x-api-key": api_key}, timeout=30, trust_env=False
    ) as client:
        task = _send(client.post("/api/v1/task", json=_request()))
        yield f"Task {task['task_id']}: {task['status']}"
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while task["status"] not in _FINAL and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            before, task = task, _send(client.get(f"/api/v1/task/{task['task_id']}"))
            if task["status"] != before["status"]:
                yield f"Task {task['task_id']}: {task['status']}"
        yield _result(task)


def dollars(points: int) -> str:
    """Points as dollars, exact: 10,000 points are "$0.001"."""
    whole, rest = divmod(points, _POINTS_PER_DOLLAR)
    fraction = f"{rest:07d}".rstrip("0")
    return f"${whole}.{fraction}" if fraction else f"${whole}"


def _request() -> dict[str, Any]:
    image = base64.b64encode(PHOTO.read_bytes()).decode()
    return {"model": MODEL, "task_type": TASK_TYPE, "input": {"image": image}}


def _send(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        raise TaskFailed(f"HTTP {response.status_code}: {response.text[:200]}") from None
    if response.status_code != httpx.codes.OK:
        raise TaskFailed(f"HTTP {response.status_code}: {answer.get('message')}")
    data: dict[str, Any] = answer["data"]
    return data


def _result(task: dict[str, Any]) -> Result:
    if task["status"] != "completed":
        raise TaskFailed(task["error"]["message"] or f"it is still {task['status']}")
    return Result(url=task["output"]["image_url"], points=task["meta"]["usage"]["consume"])
