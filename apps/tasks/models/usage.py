"""What ended work came to, summed: for customers by quarter of an hour and by day, for the operator by account."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from apps.accounts.models import ApiKey, User, Workspace
from apps.byoa.models import Account
from apps.core.tenancy import TenantManager


class UsageBucket(models.Model):
    """Finished work of a workspace per model in a quarter of an hour (UTC), written with each task's end.

    Quarter hours add up to exact days in every time zone; pages read these rows and never count tasks.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    starts_at = models.DateTimeField()
    family = models.CharField(max_length=50)
    completed = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0)
    cancelled = models.IntegerField(default=0, db_default=0)
    cost_points = models.BigIntegerField(default=0, db_default=0)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "starts_at", "family"], name="usage_bucket_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.starts_at:%Y-%m-%d %H:%M} {self.family}"


class UsageDay(models.Model):
    """What a workspace's work of a UTC day came to, by who had it made and what it was.

    Summed from the ledger by `services.roll_up`, in the order of its lines: a day's points here are what its captures
    took less what its refunds gave back, to the point. A refund counts on the day it was given. Work without a task
    has an empty `model`. `member` is who ran it in the dashboard, or who made the key; the number outlives the person.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    day = models.DateField(db_index=True)
    model = models.CharField(max_length=100)
    task_type = models.CharField(max_length=100)
    service_mode = models.CharField(max_length=8)
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    member = models.ForeignKey(
        User,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    completed = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0)
    cancelled = models.IntegerField(default=0, db_default=0)
    charged_points = models.BigIntegerField(default=0, db_default=0)
    refunded_points = models.BigIntegerField(default=0, db_default=0)
    # From a task's start to its end; what never started took none.
    run_ms = models.BigIntegerField(default=0, db_default=0)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "workspace", "day", "model", "task_type", "service_mode", "api_key", "member",
                ],
                nulls_distinct=False,
                name="usage_day_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.day} {self.model}"


class CostDay(models.Model):
    """What attempts that ended on a UTC day cost us at an account and brought. The operator's; no customer sees it.

    Without an account: our own engine, or an account that was removed.
    """

    day = models.DateField()
    provider = models.CharField(max_length=50)
    account = models.ForeignKey(
        Account,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    model = models.CharField(max_length=100)
    attempts = models.IntegerField()
    succeeded = models.IntegerField()
    cost_points = models.BigIntegerField()
    price_points = models.BigIntegerField()
    run_ms = models.BigIntegerField()

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "provider", "account", "workspace", "model"],
                nulls_distinct=False,
                name="cost_day_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.provider} {self.account_id} {self.model}"


class AccountHour(models.Model):
    """What the attempts at an account that ended within an hour (UTC) came to: its data report is made of these rows.

    `run_ms` and `fast_ms` are the time from start to end of those that went well; fast ones use up paid fast hours.
    `errors` counts the others by what went wrong: {"moderated": 2}.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="hours", db_index=False
    )
    hour = models.DateTimeField()
    attempts = models.IntegerField()
    succeeded = models.IntegerField()
    run_ms = models.BigIntegerField()
    fast_ms = models.BigIntegerField()
    errors = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "hour"], name="account_hour_once"),
        ]

    def __str__(self) -> str:
        return f"account #{self.account_id} {self.hour:%Y-%m-%d %H:00}"


class UsageMark(models.Model):
    """How far the ledger is summed into `UsageDay`: one row, see `services.roll_up`.

    Lines up to `counted_to` are in. Those up to `next_to` follow as soon as every transaction older than `horizon` has
    ended, because a line with a smaller number may still be on its way until then.
    """

    counted_to = models.BigIntegerField(default=0)
    next_to = models.BigIntegerField(null=True)
    horizon = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"up to ledger line {self.counted_to}"


class Outcome(models.TextChoices):
    """How a task or a call ended: the names of the columns of `UsageSlice` that count it."""

    COMPLETED = "completed", "Completed"
    CANCELLED = "cancelled", "Cancelled"
    REFUSED = "refused", "Refused by the provider’s rules"
    TIMED_OUT = "timed_out", "Out of time"
    PROVIDER_FAILED = "provider_failed", "Failed at the provider"
    NO_ACCOUNT = "no_account", "No account could run it"
    OUT_OF_CREDITS = "out_of_credits", "Out of credits"
    OUR_FAULT = "our_fault", "Failed on our side"


FAILURES = tuple(one for one in Outcome if one not in {Outcome.COMPLETED, Outcome.CANCELLED})


class UsageSlice(models.Model):
    """What a workspace's ended tasks and calls of a quarter of an hour came to, and of a whole UTC day (`is_day`).

    Pages read days where whole UTC days were asked for and quarters else: they add up to exact days in every time zone.
    Quarters are kept 90 days, days for ever. Only `services.slices` writes; its docstring says what counts when.
    `key` and `member` are ids that outlive what they name, 0 for none; `model` is empty for work without a task.

    Times of what was completed are histograms: `total_bins` are numbers of bins of `selectors.histogram` in rising
    order, `total_counts` how many fell into each; `queue` is a task's wait for its start, `first` a call's wait for
    the first token.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    is_day = models.BooleanField()
    starts_at = models.DateTimeField()
    model = models.CharField(max_length=100)
    key = models.BigIntegerField()
    member = models.BigIntegerField()
    pool = models.CharField(max_length=8)
    is_call = models.BooleanField()

    completed = models.IntegerField()
    cancelled = models.IntegerField()
    # What failed, by what was wrong.
    refused = models.IntegerField()
    timed_out = models.IntegerField()
    provider_failed = models.IntegerField()
    no_account = models.IntegerField()
    out_of_credits = models.IntegerField()
    our_fault = models.IntegerField()

    charged_points = models.BigIntegerField()
    refunded_points = models.BigIntegerField()
    tokens_in = models.BigIntegerField()
    tokens_out = models.BigIntegerField()

    queue_bins = ArrayField(models.SmallIntegerField(), default=list)
    queue_counts = ArrayField(models.IntegerField(), default=list)
    total_bins = ArrayField(models.SmallIntegerField(), default=list)
    total_counts = ArrayField(models.IntegerField(), default=list)
    first_bins = ArrayField(models.SmallIntegerField(), default=list)
    first_counts = ArrayField(models.IntegerField(), default=list)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "is_day", "starts_at", "model", "key", "member", "pool", "is_call"],
                name="usage_slice_once",
            ),
        ]  # fmt: skip
        # For forgetting and recounting, of all workspaces at once.
        indexes = [BrinIndex(fields=["starts_at"], name="usage_slice_by_time")]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.starts_at:%Y-%m-%d %H:%M} {self.model}"


class SliceMark(models.Model):
    """How far a source is summed into `UsageSlice`: a row each for the ledger and for calls, see `services.slices`."""

    source = models.CharField(max_length=8, primary_key=True)
    counted_to = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.source} up to {self.counted_to}"
