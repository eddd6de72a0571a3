"""Conversations that are kept, the assistants that answer in them, and the files both read."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import ApiKey, User, Workspace
from apps.core.tenancy import TenantManager
from apps.files.models import StoredFile


class Assistant(models.Model):
    """A model with instructions and files of its own, known outside by `public_id` ("g-…"): a GPT of the workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="assistants", db_index=False
    )
    public_id = models.CharField(max_length=66, unique=True)
    name = models.CharField(max_length=100)
    instructions = models.TextField(blank=True, default="")
    model = models.CharField(max_length=100)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"], name="assistant_newest")]

    def __str__(self) -> str:
        return f"{self.public_id} {self.name}"


class Conversation(models.Model):
    """Rounds of question and answer. `model` is what it was begun with; an assistant's model is the assistant's.

    Every round moves `expires_at` on; past it the sweep removes the conversation with all that belongs to it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="conversations", db_index=False
    )
    model = models.CharField(max_length=100)
    # Of a GPT, also of one that is not an assistant of the workspace's.
    gizmo_id = models.CharField(max_length=66, blank=True, default="")
    assistant = models.ForeignKey(
        Assistant, null=True, on_delete=models.SET_NULL, related_name="conversations"
    )
    title = models.CharField(max_length=100, blank=True, default="")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-updated_at"], name="conversation_newest")]

    def __str__(self) -> str:
        return f"conversation {self.id}"


class Message(models.Model):
    """One side of a round. The answer's id is the id of its call and of its task.

    An answer is WRITING while its gateway is alive, which `beat_at` tells; afterwards it never changes. `parts` are
    what a question held, as it was sent, where that was more than text. `points` is what the round cost, `frozen` what
    was held for it where that is known beforehand.
    """

    class Role(models.TextChoices):
        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"

    class State(models.TextChoices):
        WRITING = "writing", "Writing"
        FINISHED = "finished", "Finished"
        # The client left: what it had of the answer is kept.
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    number = models.IntegerField()
    role = models.CharField(max_length=9, choices=Role)
    state = models.CharField(max_length=8, choices=State, default=State.FINISHED)
    text = models.TextField(blank=True, default="")
    parts = models.JSONField(default=list, db_default=[])
    attachments = models.JSONField(default=list, db_default=[])
    model = models.CharField(max_length=100, blank=True, default="")
    is_private = models.BooleanField(default=False, db_default=False)
    frozen = models.BigIntegerField(default=0, db_default=0)
    points = models.BigIntegerField(default=0, db_default=0)
    error_type = models.CharField(max_length=40, blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "number"], name="conversation_message_once"
            ),
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(state="writing"),
                name="conversation_one_answer_at_a_time",
            ),
            models.CheckConstraint(condition=Q(points__gte=0), name="conversation_points"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.number} of {self.conversation_id}"


class _ReadFile(models.Model):
    """A file and what was read of it. `note` says why there is no text, in words for people."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=128)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    stored = models.ForeignKey(StoredFile, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(blank=True, default="")
    pages = models.IntegerField(null=True)
    note = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.name} ({self.size})"

    @property
    def public_id(self) -> str:
        """What clients call it."""
        return f"file-{self.id.hex}"

    @property
    def is_image(self) -> bool:
        return self.content_type.startswith("image/")


class ConversationFile(_ReadFile):
    """A file that a conversation is about, or a picture that may be shown to its model."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="files")
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)


class AssistantFile(_ReadFile):
    """What an assistant knows; kept as long as the assistant."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="files")
