"""What a workspace did to excess in a day, where a family has rules about that."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.core.tenancy import TenantManager
from apps.tasks.models.tasks import Task


class PenaltyDay(models.Model):
    """How many incorrect and how many relax tasks of Midjourney's public pool a workspace had on a UTC day.

    Every fast or turbo picture that succeeds adds one to `bonus`, which widens the allowance of relax tasks. Counted
    under the row's lock in the transaction that creates or ends the task, so that the numbers are exact.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    day = models.DateField()
    incorrect = models.IntegerField(default=0, db_default=0)
    relax = models.IntegerField(default=0, db_default=0)
    bonus = models.IntegerField(default=0, db_default=0)
    # The operator has let the day pass: nothing more of it is punished.
    waived_at = models.DateTimeField(null=True, blank=True)
    waived_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "day"], name="penalty_day_once"),
            models.CheckConstraint(
                condition=Q(incorrect__gte=0, relax__gte=0, bonus__gte=0),
                name="penalty_day_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.day}: {self.incorrect} incorrect, {self.relax} relax"


class Penalty(models.Model):
    """A task beyond a day's allowance, and what that cost: `points` kept of a failed task, or paid on top for relax.

    `number` is which one of the day it was, against `threshold`. Without a task: a request that was refused.
    """

    class Kind(models.TextChoices):
        ERROR = "error", "Incorrect task"
        RELAX = "relax", "Relax task"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind)
    day = models.DateField()
    number = models.IntegerField()
    threshold = models.IntegerField()
    points = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        verbose_name_plural = "penalties"
        indexes = [models.Index(fields=["workspace", "-id"], name="penalty_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(points__gte=0), name="penalty_points_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.workspace_id} on {self.day}"
