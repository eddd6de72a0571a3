"""Results that their owners show to people without an account."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.core.tenancy import TenantManager
from apps.tasks.models.tasks import Task


class Share(models.Model):
    """A link that shows one finished task to whoever has it, until `expires_at` or until somebody revokes it.

    The link's token is not kept, only its digest: who reads the database opens nothing. It shows the result, and the
    input only with `shows_input`.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="shares", db_index=False)
    digest = models.BinaryField(max_length=32, unique=True)
    shows_input = models.BooleanField()
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["task", "-created_at"], name="share_of_task")]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="share_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"share #{self.pk} of {self.task_id}"
