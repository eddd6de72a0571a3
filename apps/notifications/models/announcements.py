"""What everybody is told by the operator."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop


class Announcement(models.Model):
    """What the operator tells everybody. Plain text; an empty line begins a paragraph.

    It holds from `starts_at` until `ends_at` or until it is resolved, whichever comes first. The status page has it
    before that, and for some months afterwards as history. `family` narrows it to models of that family, "llm" to
    language models.
    """

    class Kind(models.TextChoices):
        INFO = "info", gettext_noop("Information")
        INCIDENT = "incident", gettext_noop("Incident")
        MAINTENANCE = "maintenance", gettext_noop("Maintenance")

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
