"""What happened to a workspace's account, and how it wants to be told."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.tenancy import TenantManager


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
