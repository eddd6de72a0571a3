"""What is sent over HTTP, and how that went."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from apps.accounts.models import Workspace
from apps.core.tenancy import TenantManager
from apps.notifications.models.endpoints import Endpoint


class Delivery(models.Model):
    """One event for one endpoint, written in the transaction that made the event.

    Waiting rows are the queue: whoever claims one moves `next_attempt_at` ahead (a lease) and raises `claim`, and only
    that claim may write how the attempt went. `lane` (workspace and host) keeps endpoints from delaying one another.
    What goes to a `hook` is sent to the URL and with the secret that it has at that moment, and not while it is paused;
    `endpoint` is the URL of when the event was written.
    `id` grows with the events of one subject, which is the order key receivers get; `event_id` is the constant
    `webhook-id`. `body` is sent byte for byte the same on every attempt.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", gettext_noop("Waiting")
        DELIVERED = "DELIVERED", gettext_noop("Delivered")
        FAILED = "FAILED", gettext_noop("Failed")  # every attempt was used
        STOPPED = "STOPPED", gettext_noop("Stopped")  # the endpoint answered 410 Gone

    class Dialect(models.TextChoices):
        UNIFIED = "unified", "Unified"  # any 2xx acknowledges
        V2 = "v2", "Midjourney v2"  # 200 and nothing else

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    subject = models.CharField(max_length=64, db_index=True)
    kind = models.CharField(max_length=32)
    # Of the workspace's own endpoints; None for a task's own address and for the account hook.
    hook = models.ForeignKey(
        Endpoint, null=True, on_delete=models.SET_NULL, related_name="deliveries", db_index=False
    )
    endpoint = models.CharField(max_length=2048)
    lane = models.CharField(max_length=300)
    # Sealed; bound to `sealed_to`, the row it was first sealed for.
    secret = models.TextField(default="", db_default="")
    sealed_to = models.CharField(max_length=64, default="", db_default="")
    dialect = models.CharField(
        max_length=8, choices=Dialect, default=Dialect.UNIFIED, db_default="unified"
    )
    body = models.TextField()
    occurred_at = models.DateTimeField(db_default=Now())

    state = models.CharField(
        max_length=10, choices=State, default=State.WAITING, db_default="WAITING"
    )
    attempts = models.SmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    claim = models.IntegerField(default=0, db_default=0)
    # One entry per attempt: {"at", "status", "error", "ms"}.
    log = models.JSONField(default=list, db_default=[])
    # What was answered, one entry per attempt: {"headers", "body"}. Only of what goes to a `hook`.
    answers = models.JSONField(default=list, db_default=[])
    # Somebody had it sent again: that says nothing of how the endpoint does, and reaches one that is paused.
    is_replay = models.BooleanField(default=False, db_default=False)
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["lane", "next_attempt_at"],
                condition=Q(state="WAITING"),
                name="delivery_waiting_by_lane",
            ),
            models.Index(fields=["workspace", "-id"], name="delivery_newest"),
            models.Index(fields=["created_at"], name="delivery_oldest"),
            models.Index(
                fields=["ended_at"],
                condition=Q(state__in=["FAILED", "STOPPED"]),
                name="delivery_given_up",
            ),
            models.Index(
                fields=["hook", "-id"], condition=Q(hook__isnull=False), name="delivery_of_hook"
            ),
            models.Index(
                fields=["hook", "created_at"],
                condition=Q(hook__isnull=False),
                name="delivery_of_hook_by_time",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="WAITING", next_attempt_at__isnull=False, ended_at__isnull=True)
                | (~Q(state="WAITING") & Q(next_attempt_at__isnull=True, ended_at__isnull=False)),
                name="delivery_waits_or_has_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.lane}"
