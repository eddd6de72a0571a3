"""What customers are told, over HTTP and by mail, and how the telling went."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.tenancy import TenantManager


class Delivery(models.Model):
    """One event for one endpoint, written in the transaction that made the event.

    Waiting rows are the queue: whoever claims one moves `next_attempt_at` ahead (a lease) and raises `claim`, and only
    that claim may write how the attempt went. `lane` (workspace and host) keeps endpoints from delaying one another.
    `id` grows with the events of one subject, which is the order key receivers get; `event_id` is the constant
    `webhook-id`. `body` is sent byte for byte the same on every attempt.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        DELIVERED = "DELIVERED", "Delivered"
        FAILED = "FAILED", "Failed"  # every attempt was used
        STOPPED = "STOPPED", "Stopped"  # the endpoint answered 410 Gone

    class Dialect(models.TextChoices):
        UNIFIED = "unified", "Unified"  # any 2xx acknowledges
        V2 = "v2", "Midjourney v2"  # 200 and nothing else

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    subject = models.CharField(max_length=64, db_index=True)
    kind = models.CharField(max_length=32)
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


class Email(models.Model):
    """A mail, written in the transaction of what it tells of, and sent by a job afterwards.

    `key` names the cause ("invoice:…", "dunning:12:3"): one cause writes to one address once. Subject and body are
    rendered when it is written, so it says what was true then.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"  # every attempt was used

    workspace = models.ForeignKey(
        Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="emails"
    )
    key = models.CharField(max_length=150)
    to = models.EmailField()
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True, default="")
    attachment_name = models.CharField(max_length=100, blank=True, default="")
    attachment_type = models.CharField(max_length=50, blank=True, default="")
    attachment = models.BinaryField(null=True, blank=True)

    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    error = models.CharField(max_length=200, blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="waiting"), name="email_waiting"
            ),
            models.Index(fields=["created_at"], name="email_oldest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key", "to"], name="email_once_per_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to} ({self.state})"


class Notice(models.Model):
    """Something that happened to a workspace's account, written in the transaction that made it true.

    `key` names the cause, and one cause is told once. The row is also the bell's line where `is_shown`; where
    `mail_waits` the next collecting mail takes it up and sets `mailed_at`. `read_by` holds the ids of members.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="notices", db_index=False
    )
    key = models.CharField(max_length=150)
    type = models.CharField(max_length=40)
    message = models.CharField(max_length=500)
    detail = models.JSONField(default=dict, db_default={})
    # A page of this site, "" for none.
    url = models.CharField(max_length=300, blank=True, default="", db_default="")
    is_shown = models.BooleanField(default=True, db_default=True)
    read_by = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
    mail_waits = models.BooleanField(default=False, db_default=False)
    mailed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["workspace", "-id"], condition=Q(is_shown=True), name="notice_newest"
            ),
            models.Index(
                fields=["workspace"], condition=Q(mail_waits=True), name="notice_mail_waits"
            ),
            models.Index(
                fields=["workspace", "-mailed_at"],
                condition=Q(mailed_at__isnull=False),
                name="notice_mailed",
            ),
            models.Index(fields=["created_at"], name="notice_oldest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="notice_once_per_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.workspace_id}"


class NotificationPreference(models.Model):
    """What a workspace chose for one event and channel. Without a row, what `events` says holds."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="notification_preferences", db_index=False
    )
    event = models.CharField(max_length=40)
    channel = models.CharField(max_length=8)
    is_on = models.BooleanField()
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "event", "channel"], name="notification_preference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} by {self.channel}: {self.is_on}"


class AccountHook(models.Model):
    """What signs the account events of a workspace; their address is `Workspace.notification_hook_url`.

    After a rotation events are signed with both secrets until `previous_until`.
    """

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="account_hook"
    )
    # Sealed; bound to `sealed_to`.
    secret = models.TextField()
    # Sealed; bound to `sealed_to`.
    previous_secret = models.TextField(blank=True, default="", db_default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(previous_secret="", previous_until__isnull=True)
                | (~Q(previous_secret="") & Q(previous_until__isnull=False)),
                name="account_hook_previous_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.sealed_to

    @property
    def sealed_to(self) -> str:
        """What its secrets are bound to."""
        return f"hook:{self.pk}"

    @property
    def is_overlapping(self) -> bool:
        """Whether the secret before this one signs as well."""
        return self.previous_until is not None and self.previous_until > timezone.now()


class Announcement(models.Model):
    """What the operator tells everybody. Plain text; an empty line begins a paragraph.

    It holds from `starts_at` until `ends_at` or until it is resolved, whichever comes first. The status page has it
    before that, and for some months afterwards as history. `family` narrows it to models of that family, "llm" to
    language models.
    """

    class Kind(models.TextChoices):
        INFO = "info", "Information"
        INCIDENT = "incident", "Incident"
        MAINTENANCE = "maintenance", "Maintenance"

    kind = models.CharField(max_length=12, choices=Kind, default=Kind.INFO)
    title = models.CharField(max_length=120)
    text = models.TextField(max_length=5000, blank=True, default="")
    family = models.CharField(max_length=50, blank=True, default="")
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    on_strip = models.BooleanField(default=True)
    on_status = models.BooleanField(default=True)
    on_changelog = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["-starts_at"], name="announcement_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="announcement_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def over_at(self) -> datetime | None:
        """When it stops to hold, or did."""
        return min((at for at in (self.resolved_at, self.ends_at) if at is not None), default=None)

    def holds(self, now: datetime) -> bool:
        over_at = self.over_at
        return self.starts_at <= now and (over_at is None or now < over_at)

    def is_ahead(self, now: datetime) -> bool:
        over_at = self.over_at
        return now < self.starts_at and (over_at is None or now < over_at)
