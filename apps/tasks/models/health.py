"""How well a family works for everybody together."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class FamilyDay(models.Model):
    """What became of a family's tasks that ended on a UTC day, of all workspaces together.

    Only tasks of the public pool, and of their failures only ours and the providers': what the customer's input,
    deadline or wish ended is in neither number. `latency` counts the completed ones by how long they took from start to
    end (`core.latency`). Summed with `UsageDay` by `services.roll_up`, in the same transaction and by the same mark.
    """

    family = models.CharField(max_length=50)
    day = models.DateField()
    completed = models.IntegerField()
    failed = models.IntegerField()
    latency = ArrayField(models.IntegerField())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "family"], name="family_day_once")]

    def __str__(self) -> str:
        return f"{self.family} {self.day}: {self.completed} well, {self.failed} not"
