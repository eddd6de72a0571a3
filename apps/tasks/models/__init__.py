"""Tasks, the tries at them, and what they came to."""

from apps.tasks.models.health import FamilyDay
from apps.tasks.models.penalties import Penalty, PenaltyDay
from apps.tasks.models.shares import Share
from apps.tasks.models.tasks import (
    CANCELLABLE,
    FINAL,
    OPEN_ATTEMPT,
    STATUS_WORDS,
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
from apps.tasks.models.usage import (
    FAILURES,
    AccountHour,
    CostDay,
    Outcome,
    SliceMark,
    UsageBucket,
    UsageDay,
    UsageMark,
    UsageSlice,
)
from apps.tasks.models.views import SavedView

__all__ = [
    "CANCELLABLE",
    "FAILURES",
    "FINAL",
    "OPEN_ATTEMPT",
    "STATUS_WORDS",
    "UNFINISHED",
    "AccountHour",
    "Attempt",
    "CostDay",
    "FailureCode",
    "FamilyDay",
    "FamilyLoad",
    "IdempotencyRecord",
    "Outcome",
    "Penalty",
    "PenaltyDay",
    "Retention",
    "SavedView",
    "Share",
    "SliceMark",
    "Status",
    "Task",
    "TaskEvent",
    "UsageBucket",
    "UsageDay",
    "UsageMark",
    "UsageSlice",
]
