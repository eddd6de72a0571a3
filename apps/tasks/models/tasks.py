"""What customers ask for, and what became of it."""

import uuid
from typing import ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from apps.accounts.models import ApiKey, User, Workspace
from apps.byoa.models import Account
from apps.core.sentences import sentence
from apps.core.tenancy import TenantManager


class Status(models.TextChoices):
    """staged → pending → processing → completed | failed | cancelled; the last three are final."""

    STAGED = "staged", "Staged"
    PENDING = "pending", "Pending"
    PROCESSING = "processing", "Processing"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


# In sentences.
STATUS_WORDS: dict[str, str] = {
    Status.STAGED: sentence("staged"),
    Status.PENDING: sentence("pending"),
    Status.PROCESSING: sentence("processing"),
    Status.COMPLETED: sentence("completed"),
    Status.FAILED: sentence("failed"),
    Status.CANCELLED: sentence("cancelled"),
}
UNFINISHED = (Status.STAGED, Status.PENDING, Status.PROCESSING)
CANCELLABLE = (Status.STAGED, Status.PENDING)
FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Retention(models.TextChoices):
    """How long a task's files are kept."""

    HOUR = "1h", "One hour"
    DAY = "1d", "One day"
    PLAN = "plan", "As long as the plan says"
    YEAR = "1y", "One year"


class FailureCode(models.IntegerChoices):
    """Why a task did not complete; 0 is no error. The numbers are the public contract's."""

    NONE = 0, "none"
    PROVIDER_FAILED = 11000, "provider_failed"
    PROVIDER_TIMEOUT = 11001, "provider_timeout"
    PROVIDER_MODERATED = 11002, "provider_moderated"
    ACCOUNT_UNAVAILABLE = 11003, "account_unavailable"
    CANCELLED = 11004, "cancelled"
    OUTPUT_UNAVAILABLE = 11005, "output_unavailable"
    INTERNAL_ERROR = 11006, "internal_error"


class Task(models.Model):
    """One piece of work a customer asked for.

    The row is the truth, messages are hints. `attempt` is the fencing token: whoever claims a task raises it, and
    nothing is written by a worker whose number is no longer the row's. `lease_until` says how long the claim holds
    without news; `wake_at` when a message should be sent (again). State, event and money change in one transaction.
    Those two are the local engine's; work at a provider is looked after by its Attempt.

    `deadline_at` ends a waiting task after a day (or when its customer said), and is set anew when work starts.

    `price_points` was quoted at creation and is held from the wallet under `reference`; `cost_points` is what the
    finished task really cost, never more. `relax_points` is what it costs when it had to run in the slow mode.

    `service_mode` is the pool it runs in; a private task that found no own account becomes a public one
    (`failover_triggered`). A follow-up has a `parent` and must run where that ran: `bound_provider`, and unless that is
    the local engine `bound_account`. `asked_mode` is the speed that was asked for, `process_mode` the one it runs at.
    `action` names what a follow-up does to its parent. `plan` is the workspace's when it was created.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="tasks", db_index=False
    )
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    model = models.CharField(max_length=100)
    task_type = models.CharField(max_length=100)
    family = models.CharField(max_length=50)
    status = models.CharField(max_length=10, choices=Status)
    input = models.JSONField()
    output = models.JSONField(null=True)
    asked_mode = models.CharField(max_length=16, default="", db_default="")
    process_mode = models.CharField(max_length=16, default="", db_default="")
    model_version = models.CharField(max_length=16, default="", db_default="")
    plan = models.CharField(max_length=16, default="", db_default="")
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="follow_ups", db_index=False
    )
    action = models.CharField(max_length=24, default="", db_default="")
    bound_provider = models.CharField(max_length=50, default="", db_default="")
    # The number outlives the account: what was bound to one that is gone must not run elsewhere.
    bound_account = models.ForeignKey(
        Account,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    failover_triggered = models.BooleanField(default=False, db_default=False)
    service_mode = models.CharField(max_length=8, default="public", db_default="public")
    webhook_endpoint = models.CharField(max_length=2048, default="", db_default="")
    # Sealed (apps.core.sealing); never shown.
    webhook_secret = models.TextField(default="", db_default="")
    # Whose shape the webhooks have: the unified one, or "v2".
    dialect = models.CharField(max_length=8, default="", db_default="")
    # Also tell of progress on the way.
    webhook_progress = models.BooleanField(default=False, db_default=False)
    # The customer's own name for it; not unique.
    client_reference = models.CharField(max_length=255, default="", db_default="")
    retention = models.CharField(
        max_length=4, choices=Retention, default=Retention.PLAN, db_default="plan"
    )
    # Seconds from creation to the end, when the customer set them.
    deadline_seconds = models.IntegerField(null=True)

    price_points = models.BigIntegerField()
    price_lines = models.JSONField()
    cost_points = models.BigIntegerField(default=0, db_default=0)
    relax_points = models.BigIntegerField(null=True)

    progress = models.SmallIntegerField(default=0, db_default=0)
    engine = models.CharField(max_length=50, default="", db_default="")
    # Who has it now ("local", "federation", …); empty while it waits.
    provider = models.CharField(max_length=50, default="", db_default="")
    attempt = models.IntegerField(default=0, db_default=0)
    sends = models.IntegerField(default=0, db_default=0)
    wake_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()

    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    error_code = models.IntegerField(choices=FailureCode, default=0, db_default=0)
    error_message = models.TextField(default="", db_default="")
    # The provider's own words, quoted to the customer as theirs.
    error_raw = models.TextField(default="", db_default="")

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="task_newest"),
            models.Index(
                fields=["workspace", "status", "-created_at", "-id"], name="task_newest_by_status"
            ),
            models.Index(
                fields=["workspace", "model", "-created_at", "-id"], name="task_newest_by_model"
            ),
            models.Index(
                fields=["wake_at"],
                condition=Q(provider="local", status__in=["pending", "processing"]),
                name="task_at_local_engine",
            ),
            # Fair dispatch: the workspaces that wait for a family, and each one's oldest.
            models.Index(
                fields=["family", "workspace", "created_at", "id"],
                condition=Q(
                    status="pending", provider="", service_mode="public", bound_provider=""
                ),
                name="task_waiting_in_public",
            ),
            # What waits for certain accounts: a workspace's own, or the one its parent ran on.
            models.Index(
                "workspace",
                "family",
                Coalesce("bound_account", 0),
                "asked_mode",
                "model",
                "task_type",
                "created_at",
                "id",
                condition=Q(status="pending", provider="")
                & (Q(service_mode="private") | ~Q(bound_provider="")),
                name="task_waiting_for_own",
            ),
            models.Index(
                fields=["parent"], condition=Q(parent__isnull=False), name="task_follow_ups"
            ),
            models.Index(
                fields=["workspace", "family", "created_at", "id"],
                condition=Q(status="staged"),
                name="task_staged_by_family",
            ),
            models.Index(
                fields=["workspace", "client_reference"],
                condition=~Q(client_reference=""),
                name="task_client_reference",
            ),
            # Only what failed is in it, so creating a task does not write it.
            models.Index(
                fields=["workspace", "error_code", "-created_at", "-id"],
                condition=Q(status="failed"),
                name="task_newest_by_error",
            ),
            models.Index(
                fields=["deadline_at"],
                condition=Q(status__in=["staged", "pending", "processing"]),
                name="task_deadline",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(price_points__gte=0, cost_points__gte=0)
                & Q(cost_points__lte=models.F("price_points")),
                name="task_costs_at_most_its_price",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[*UNFINISHED], ended_at__isnull=True)
                | Q(status__in=[*FINAL], ended_at__isnull=False),
                name="task_final_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=100), name="task_progress_is_percent"
            ),
            models.CheckConstraint(
                condition=Q(relax_points__isnull=True)
                | Q(relax_points__gte=0, relax_points__lte=models.F("price_points")),
                name="task_relax_costs_at_most_its_price",
            ),
            # A picture is taken out of its grid once; one that failed may be asked for again.
            models.UniqueConstraint(
                fields=["parent", "action"],
                condition=Q(action__in=["upscale1", "upscale2", "upscale3", "upscale4"])
                & ~Q(status__in=["failed", "cancelled"]),
                name="task_taken_from_parent_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.task_type} {self.id}"

    @property
    def reference(self) -> str:
        """What the ledger calls this task."""
        return f"task:{self.id}"

    @property
    def is_finished(self) -> bool:
        return self.status in FINAL


class FamilyLoad(models.Model):
    """How many tasks of a family a workspace has going (pending, processing) and staged behind them, per pool.

    Counted in the statement that creates a task and in the transaction that ends one, so the limit holds to the task
    under any concurrency; the audit compares it with the rows. `was_staged` says which of the two the last creation
    counted as, for the statement that made it.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    family = models.CharField(max_length=50)
    # "public" or "private": tasks on own accounts are not limited by the plan.
    pool = models.CharField(max_length=8, default="public", db_default="public")
    active = models.IntegerField(default=0, db_default=0)
    staged = models.IntegerField(default=0, db_default=0)
    was_staged = models.BooleanField(default=False, db_default=False)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "family", "pool"], name="family_load_once"
            ),
            models.CheckConstraint(
                condition=Q(active__gte=0, staged__gte=0), name="family_load_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.family} {self.pool}: {self.active} + {self.staged}"


class Attempt(models.Model):
    """One try at a task: where it ran, and what it cost us (not the customer). Failed tries stay on record.

    Work at a provider: assigned → sending → accepted → succeeded | failed. A sending whose answer was lost is unknown
    until the provider says whether it has it: it is never sent blindly again. When the task's time is over while the
    provider still works, the attempt is abandoned; a result that comes after that is late: recorded with its cost, not
    delivered, not charged.

    `next_at` is when to act on it, and doubles as the lease of whoever acts: claiming moves it ahead and raises
    `claims`, and only that claim may write what came of it. `reference` is our unguessable name for it at the provider.
    `mode` is the speed it was sent with; `facts` are what came with a result and follow-ups need (never shown).
    """

    class State(models.TextChoices):
        RUNNING = "RUNNING", "Running"  # on the local engine
        ASSIGNED = "ASSIGNED", "Assigned"
        SENDING = "SENDING", "Sending"
        UNKNOWN = "UNKNOWN", "Unknown"
        ACCEPTED = "ACCEPTED", "Accepted"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"
        LOST = "LOST", "Lost"
        ABANDONED = "ABANDONED", "Abandoned"
        LATE = "LATE", "Late"

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="attempts")
    number = models.IntegerField()
    provider = models.CharField(max_length=50)
    job = models.CharField(max_length=100)
    account = models.ForeignKey(
        Account, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    state = models.CharField(max_length=10, choices=State)
    worker = models.CharField(max_length=100, default="", db_default="")
    # Unique, and local attempts have none.
    reference = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    provider_id = models.CharField(max_length=255, default="", db_default="")
    handle = models.JSONField(default=dict, db_default={})
    mode = models.CharField(max_length=16, default="", db_default="")
    facts = models.JSONField(default=dict, db_default={})
    # Pictures of the unfinished work: how many were shown, and which one was the last.
    previews = models.SmallIntegerField(default=0, db_default=0)
    last_preview = models.CharField(max_length=32, default="", db_default="")
    next_at = models.DateTimeField(null=True)
    claims = models.IntegerField(default=0, db_default=0)
    sends = models.SmallIntegerField(default=0, db_default=0)
    polls = models.IntegerField(default=0, db_default=0)
    deadline_at = models.DateTimeField(null=True)
    cost_points = models.BigIntegerField(default=0, db_default=0)
    # What the customer paid for it, when it made the task's result.
    price_points = models.BigIntegerField(default=0, db_default=0)
    error = models.TextField(default="", db_default="")
    started_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="ASSIGNED"), name="attempt_to_send"),
            models.Index(
                fields=["next_at"],
                condition=Q(state__in=["SENDING", "UNKNOWN", "ACCEPTED", "ABANDONED"])
                & Q(next_at__isnull=False),
                name="attempt_to_follow",
            ),
            models.Index(fields=["account", "-ended_at"], name="attempt_by_account"),
            # Attempts end about in the order in which they were made, so this small index finds a day's.
            BrinIndex(fields=["ended_at"], name="attempt_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(cost_points__gte=0), name="attempt_cost_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.task_id}"


OPEN_ATTEMPT = (
    Attempt.State.RUNNING,
    Attempt.State.ASSIGNED,
    Attempt.State.SENDING,
    Attempt.State.UNKNOWN,
    Attempt.State.ACCEPTED,
)


class TaskEvent(models.Model):
    """A change of a task's state, written in the transaction that made it. Deliveries are derived from these rows."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16)
    data = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.kind} of {self.task_id}"


class IdempotencyRecord(models.Model):
    """One `Idempotency-Key` of a workspace: which request it was, and the task that answered it.

    Written in the statement that makes the task, so there is never one without the other. Kept 24 hours.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    initial_status = models.CharField(max_length=10, choices=Status)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key} → {self.task_id}"
