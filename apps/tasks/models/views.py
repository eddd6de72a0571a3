"""What a person wants to look at again."""

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.core.tenancy import TenantManager

LONGEST_NAME = 60
LONGEST_QUERY = 1000


class SavedView(models.Model):
    """A person's name for the filters of a workspace's task list.

    `query` is a query string as the page wrote it. Whoever opens a view has it read again like any other, so one that
    has outlived a model or a key shows what is left of it.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.CharField(max_length=LONGEST_QUERY)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user", "name"], name="saved_view_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.user_id} in {self.workspace_id}"
