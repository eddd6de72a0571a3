"""Tasks, the tries at them, and what they came to."""

from apps.tasks.models.penalties import Penalty, PenaltyDay
from apps.tasks.models.shares import Share
from apps.tasks.models.tasks import (
    CANCELLABLE,
    FINAL,
    OPEN_ATTEMPT,
    UNFINISHED,
    Attempt,
    FailureCode,
    FamilyLoad,
    IdempotencyRecord,
    Retention,
    Status,
    Task,
    TaskEvent,
)
from apps.tasks.models.usage import AccountHour, CostDay, UsageBucket, UsageDay, UsageMark

__all__ = [
    "CANCELLABLE",
    "FINAL",
    "OPEN_ATTEMPT",
    "UNFINISHED",
    "AccountHour",
    "Attempt",
    "CostDay",
    "FailureCode",
    "FamilyLoad",
    "IdempotencyRecord",
    "Penalty",
    "PenaltyDay",
    "Retention",
    "Share",
    "Status",
    "Task",
    "TaskEvent",
    "UsageBucket",
    "UsageDay",
    "UsageMark",
]
