"""Where a workspace hears of its tasks and its account, and events that are sent there again."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.tenancy import TenantManager


class Endpoint(models.Model):
    """An address of a workspace that hears of the events it chose; of tasks only those without a webhook of their own.

    It stands beside `AccountHook`, whose address is the account's setting in the public contract and has one
    preference per event: as a row here it would have two owners. A deleted endpoint stays as a row without secret
    until its deliveries are forgotten, because an event that is being written must not fail for it.

    `failures` and `failing_since` say how it does; they are written after the deliveries, so they may lag but no event
    depends on them. An episode begins with the first failure and ends with a success; `told_for` is the beginning of
    the one that the workspace was told of.
    """

    class State(models.TextChoices):
        ACTIVE = "ACTIVE", "Active"
        PAUSED = "PAUSED", "Paused"  # by a member
        DISABLED = "DISABLED", "Disabled"  # by us, after days of failures
        DELETED = "DELETED", "Deleted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="endpoints")
    url = models.CharField(max_length=2048)
    lane = models.CharField(max_length=300)
    description = models.CharField(max_length=100, blank=True, default="")
    events = ArrayField(models.CharField(max_length=40), default=list)

    # Sealed; bound to `sealed_to`. "" once it is deleted.
    secret = models.TextField(blank=True)
    # Sealed, the present secret and the one before it: what signs until `previous_until`.
    both_secrets = models.TextField(blank=True, default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(db_default=Now())

    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    state_since = models.DateTimeField(db_default=Now())
    # Attempts in a row that were not acknowledged, and how the last of them went.
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    failing_status = models.SmallIntegerField(null=True, blank=True)
    failing_error = models.CharField(max_length=200, blank=True, default="")
    told_for = models.DateTimeField(null=True, blank=True)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["failing_since"],
                condition=Q(failing_since__isnull=False) | Q(told_for__isnull=False),
                name="endpoint_failing",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(both_secrets="", previous_until__isnull=True)
                | (~Q(both_secrets="") & Q(previous_until__isnull=False)),
                name="endpoint_previous_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since__isnull=True)
                | Q(failures__gt=0, failing_since__isnull=False),
                name="endpoint_fails_since",
            ),
            models.CheckConstraint(
                condition=(Q(state="DELETED") & Q(secret=""))
                | (~Q(state="DELETED") & ~Q(secret="")),
                name="endpoint_has_secret_until_deleted",
            ),
        ]

    def __str__(self) -> str:
        return self.lane.partition("|")[2]

    @property
    def sealed_to(self) -> str:
        """What its secrets are bound to."""
        return f"endpoint:{self.pk}"

    @property
    def is_overlapping(self) -> bool:
        """Whether the secret before this one signs as well."""
        return self.previous_until is not None and self.previous_until > timezone.now()


class ReplayRun(models.Model):
    """Many deliveries of an endpoint, sent again by a job: oldest first, and not all at once.

    It takes what ended in [since, until) with an id up to `upto_id`, which somebody was shown the number of;
    `after_id` is how far it has come. `id` comes from the page, so that pressing twice makes one run.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="replay_runs")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="replays")
    since = models.DateTimeField()
    until = models.DateTimeField()
    with_delivered = models.BooleanField(default=False)
    upto_id = models.BigIntegerField()
    after_id = models.BigIntegerField(default=0)
    total = models.IntegerField()
    done = models.IntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(ended_at__isnull=True), name="replay_run_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.done} of {self.total} to {self.endpoint_id}"
