"""What an operator sets: prices in place of a spec's own, words that refuse a prompt."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Trim

from apps.accounts.models import Plan, Workspace


class PriceOverride(models.Model):
    """A rate of one (model, task_type), from `valid_from` until `valid_to` (exclusive; empty = open).

    The most specific one wins: a workspace's over its plan's over everybody's; among equals the newest start. Tasks
    keep the price they were quoted, so a change never touches what is already running.
    """

    model = models.CharField(max_length=100)
    task_type = models.CharField(max_length=100)
    rate = models.CharField(max_length=50, default="task")
    points_per_unit = models.DecimalField(max_digits=20, decimal_places=6)
    plan = models.CharField(max_length=16, choices=Plan, blank=True, default="")
    workspace = models.ForeignKey(
        Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="price_overrides"
    )
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["model", "task_type", "rate"], name="price_override_of")]
        constraints = [
            models.CheckConstraint(
                condition=Q(points_per_unit__gte=0), name="price_override_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="price_override_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(plan="") | Q(workspace__isnull=True),
                name="price_override_plan_or_workspace",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.task_type} {self.rate}: {self.points_per_unit} points"


class BannedWord(models.Model):
    """A word or phrase that refuses a Midjourney prompt, stored as `banned_words.normalised` writes it.

    `is_default` marks those the platform came with. They are disabled, never deleted: an update adds
    defaults that are missing and must not bring back one that the operator did not want.
    """

    word = models.CharField(max_length=100, unique=True)
    is_enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False, editable=False)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(word=Lower(Trim("word"))) & ~Q(word=""), name="banned_word_normalised"
            ),
        ]

    def __str__(self) -> str:
        return self.word
