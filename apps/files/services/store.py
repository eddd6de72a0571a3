"""Keeping bytes for a workspace, and removing them when their time is over."""

import itertools
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.core.sentences import sentence
from apps.files.models import StoredFile

log = logging.getLogger(__name__)

# A storage that is away must not be asked for every file there is.
_TRIES_PER_REMOVAL = 20
_FOLDERS = {"image": "mj", "video": "videos"}


class CannotStore(Exception):
    """The storage did not take the bytes. Nothing of them is left that the sweep does not find."""


@dataclass(frozen=True)
class Content:
    """Bytes and what they are. The type is ours (by signature or by engine), never a customer's word."""

    data: bytes
    content_type: str
    extension: str


def keep(
    *,
    workspace_id: int,
    kind: StoredFile.Kind,
    content: Content,
    expires_at: datetime,
    task_id: uuid.UUID | None = None,
) -> StoredFile:
    """Store the bytes under a path nobody can guess. The row is committed first: a crash leaves nothing unknown."""
    file = StoredFile.objects.create(
        workspace_id=workspace_id,
        kind=kind,
        key=_key(kind, content.content_type, content.extension),
        content_type=content.content_type,
        size=len(content.data),
        task_id=task_id,
        expires_at=expires_at,
    )
    try:
        write(file, content.data)
    except CannotStore:
        discard([file])
        raise
    return file


@dataclass(frozen=True)
class Announcement:
    """A file that is about to be stored: whose it is, how large, until when.

    `folder` is where instead of what its type says; `name` (unguessable too) is what it is called there, if it is free.
    """

    workspace_id: int
    task_id: uuid.UUID
    content_type: str
    extension: str
    size: int
    expires_at: datetime
    folder: str = ""
    name: str = ""


def announce(files: Sequence[Announcement]) -> list[StoredFile]:
    """The rows of many outputs in one statement, committed before their bytes are written (`write`)."""
    wanted = [_named_key(file) for file in files if file.name]
    rows = StoredFile.objects.across_workspaces()
    taken = set(rows.filter(key__in=wanted).values_list("key", flat=True)) if wanted else set()
    try:
        with transaction.atomic():
            return _announced(files, taken)
    except IntegrityError:
        # Somebody else stores a result of the same task at this moment.
        return _announced(files, set(wanted))


def _announced(files: Sequence[Announcement], taken: Collection[str]) -> list[StoredFile]:
    rows = [
        StoredFile(
            workspace_id=file.workspace_id,
            kind=StoredFile.Kind.OUTPUT,
            key=_free_key(file, taken),
            content_type=file.content_type,
            size=file.size,
            task_id=file.task_id,
            expires_at=file.expires_at,
        )
        for file in files
    ]
    return StoredFile.objects.bulk_create(rows)


def _free_key(file: Announcement, taken: Collection[str]) -> str:
    if file.name and (key := _named_key(file)) not in taken:
        return key
    folder = file.folder or _folder(StoredFile.Kind.OUTPUT, file.content_type)
    return f"{folder}/{uuid.uuid4()}.{file.extension}"


def _named_key(file: Announcement) -> str:
    folder = file.folder or _folder(StoredFile.Kind.OUTPUT, file.content_type)
    return f"{folder}/{file.name}.{file.extension}"


def write(file: StoredFile, data: bytes) -> None:
    """The bytes of an announced file. Asks no database. Raises CannotStore."""
    try:
        default_storage.save(file.key, ContentFile(data))
    except Exception as error:
        # Storages raise whatever their client raises.
        log.exception("file not stored", extra={"error": type(error).__name__})
        raise CannotStore(sentence("The file could not be stored.")) from error


def keep_upload(*, workspace_id: int, content: Content) -> StoredFile:
    """A customer's upload, for 24 hours."""
    return keep(
        workspace_id=workspace_id,
        kind=StoredFile.Kind.UPLOAD,
        content=content,
        expires_at=timezone.now() + timedelta(hours=settings.UPLOAD_HOURS),
    )


def url_of(file: StoredFile) -> str:
    return f"{settings.FILES_BASE_URL}/{file.key}"


def discard(files: list[StoredFile]) -> None:
    """Remove files that turned out not to be needed, bytes and rows.

    Where the storage does not let go of the bytes the row stays, due at once, and the sweep tries again.
    """
    removed = {file.pk for file in files if _remove_bytes(file)}
    rows = StoredFile.objects.across_workspaces()
    rows.filter(pk__in=removed).delete()
    rows.filter(pk__in={file.pk for file in files} - removed).update(expires_at=Now())


def remove_expired(*, limit: int = 500) -> int:
    """Remove the bytes of files whose time is over, by the database's clock. The rows stay and say when.

    Says how many went. What the storage does not let go is passed over, so that it never stands before the rest.
    """
    due = (
        StoredFile.objects.across_workspaces()
        .filter(expires_at__lte=Now(), deleted_at__isnull=True)
        .order_by("expires_at")[: limit * _TRIES_PER_REMOVAL]
    )
    goes = (file.pk for file in due.iterator(chunk_size=limit) if _remove_bytes(file))
    removed = list(itertools.islice(goes, limit))
    return StoredFile.objects.across_workspaces().filter(pk__in=removed).update(deleted_at=Now())


def _remove_bytes(file: StoredFile) -> bool:
    try:
        default_storage.delete(file.key)
    except Exception as error:
        # Never the key: whoever has it can open the file.
        log.warning(
            "file not removed", extra={"file_id": str(file.pk), "error": type(error).__name__}
        )
        return False
    return True


def _key(kind: StoredFile.Kind, content_type: str, extension: str) -> str:
    return f"{_folder(kind, content_type)}/{uuid.uuid4()}.{extension}"


def _folder(kind: StoredFile.Kind, content_type: str) -> str:
    if kind == StoredFile.Kind.UPLOAD:
        return "ephemeral"
    if kind == StoredFile.Kind.INPUT:
        return "temp"
    return _FOLDERS.get(content_type.partition("/")[0], "outputs")
