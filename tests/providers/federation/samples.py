"""The one task of these tests, its answers, and what they come to."""

from typing import Any

from apps.core.wire import NoAnswer, Response
from apps.providers.base import (
    Accepted,
    Access,
    ProviderRefused,
    ProviderUnavailable,
    Work,
)
from apps.providers.federation import Federation
from tests.providers.wire import run

KEY = "my_live_0123456789abcdefghij"
REFERENCE = "ref-5f2b7d1e9c"
ID = "0f647527-1111-4222-8333-444444444444"
CALLBACK = f"https://us.example/hooks/providers/{REFERENCE}"
ACCESS = Access("https://upstream.example", KEY)
HANDLE = {"task_id": ID}
WORK = Work(
    reference=REFERENCE,
    job="txt2img",
    model="Qubico/flux1-schnell",
    task_type="txt2img",
    input={"prompt": "a flying city"},
)
OUTPUT = {"image_url": "https://files.example/1.png", "image_urls": None}
PAGE = b"<html><h1>502 Bad Gateway</h1></html>"
Why = ProviderRefused.Why
adapter = Federation()


def task(status: Any = "pending", **changes: Any) -> dict[str, Any]:
    """A task object as the contract has it."""
    data = {
        "task_id": ID,
        "model": WORK.model,
        "task_type": WORK.task_type,
        "status": status,
        "config": {"service_mode": "public", "client_reference": REFERENCE},
        "input": WORK.input,
        "output": None,
        "meta": {"usage": {"type": "point", "frozen": 20000, "consume": 0}},
        "detail": None,
        "logs": [],
        "error": {"code": 0, "raw_message": "", "message": "", "detail": None},
    }
    return data | changes


def consumed(amount: Any, kind: Any = "point") -> dict[str, Any]:
    return {"usage": {"type": kind, "frozen": 20000, "consume": amount}}


def failed(code: Any, raw: Any = "", message: Any = "") -> dict[str, Any]:
    return {"code": code, "raw_message": raw, "message": message, "detail": None}


def submit(*answers: Response | NoAnswer) -> Any:
    return run(adapter.submit(WORK, ACCESS), *answers)


def poll(*answers: Response | NoAnswer) -> Any:
    return run(adapter.poll(HANDLE, ACCESS), *answers)


def look_up(*answers: Response | NoAnswer) -> Any:
    return run(adapter.look_up(WORK, ACCESS), *answers)


ACCEPTED = Accepted(provider_id=ID, handle={"task_id": ID})
UNKNOWN = (ProviderUnavailable, True, None)
ELSEWHERE = (ProviderUnavailable, False, None)
