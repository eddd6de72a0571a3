"""A Midjourney task in the shape of the older API: what its fetch answers and its webhooks send."""

from datetime import datetime
from typing import Any

from apps.catalog.midjourney.prices import quotas_of
from apps.tasks.models import FINAL, Status, Task
from apps.tasks.presentation import task_data

V2 = "v2"
_WORDS = {
    Status.STAGED: "pending",
    Status.PENDING: "pending",
    Status.PROCESSING: "processing",
    Status.COMPLETED: "finished",
    Status.FAILED: "failed",
    Status.CANCELLED: "failed",
}


def fetch_data(task: Task, *, is_webhook: bool = False) -> dict[str, Any]:
    """The whole answer of a fetch. Webhooks tell of progress only to those who asked for it."""
    shown = task_data(task)
    output = shown["output"] if isinstance(shown["output"], dict) else {}
    usage = shown["meta"]["usage"]
    return {
        "task_id": str(task.id),
        "status": _WORDS[Status(task.status)],
        "process_time": _seconds(task),
        "meta": {
            "created_at": _unix(task.created_at),
            "started_at": _unix(task.started_at),
            "completed_at": _unix(task.ended_at),
            "task_type": task.task_type,
            "process_mode": task.process_mode,
            "task_input": shown["input"],
            "quota_frozen": quotas_of(usage["frozen"]),
            "frozen_credit": 0,
        },
        "task_result": _result(task, output, usage, is_webhook=is_webhook),
    }


def _result(
    task: Task, output: dict[str, Any], usage: dict[str, Any], *, is_webhook: bool
) -> dict[str, Any]:
    error = task.error_message if task.status in FINAL else ""
    progress = output.get("progress") or (100 if task.status == Status.COMPLETED else 0)
    if is_webhook and not task.webhook_progress and task.status not in FINAL:
        progress = 0
    return {
        "discord_image_url": output.get("discord_image_url") or "",
        "image_url": output.get("image_url") or "",
        # The four pictures of a grid are this API's own result, on every plan.
        "image_urls": _splits(task),
        "permanent_url": "",
        "task_progress": progress,
        "intermediate_image_urls": output.get("intermediate_image_urls") or [],
        "image_id": str(task.id) if output.get("image_url") else "",
        "seed": output.get("seed") or "",
        "result_message_id": "",
        "quota_used": quotas_of(usage["consume"]),
        "credit": 0,
        "message": output.get("description") or "",
        "error": error,
        "error_messages": [error] if error else [],
        "need_retry": False,
        "actions": output.get("actions") or [],
    }


def _splits(task: Task) -> list[str]:
    output = task.output if isinstance(task.output, dict) else {}
    return list(output.get("temporary_image_urls") or [])


def _seconds(task: Task) -> int:
    if task.started_at is None or task.ended_at is None:
        return 0
    return max(0, round((task.ended_at - task.started_at).total_seconds()))


def _unix(instant: datetime | None) -> int:
    return int(instant.timestamp()) if instant is not None else 0
