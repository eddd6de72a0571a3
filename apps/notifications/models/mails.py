"""Mails, and how sending them went."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.core.tenancy import TenantManager


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
