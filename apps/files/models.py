"""Files we keep for workspaces: outputs of tasks, media given inline, uploads."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.core.tenancy import TenantManager


class StoredFile(models.Model):
    """One file. The row is written before the bytes, so that whatever a crash leaves behind is found and removed.

    `key` is the path below the files host; it holds 128 random bits and is the only thing that opens the file. After
    `expires_at` the sweep removes the bytes and sets `deleted_at`; the row stays.
    """

    class Kind(models.TextChoices):
        OUTPUT = "OUTPUT", "Output"
        INPUT = "INPUT", "Input"
        UPLOAD = "UPLOAD", "Upload"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="files")
    kind = models.CharField(max_length=8, choices=Kind)
    key = models.CharField(max_length=120, unique=True)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    task_id = models.UUIDField(null=True, db_index=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(deleted_at__isnull=True),
                name="stored_file_expiring",
            ),
            models.Index(fields=["workspace", "-created_at"], name="stored_file_newest"),
        ]

    def __str__(self) -> str:
        return self.key
