"""Finding files."""

from django.db.models import Q
from django.db.models.functions import Now

from apps.core.errors import NotFound
from apps.files.models import StoredFile


def servable(*, key: str) -> StoredFile:
    """The file at a path, while it is kept. The unguessable path is the permission, so no workspace is asked.

    Raises NotFound after its time, even when the sweep has not come by yet.
    """
    found = (
        StoredFile.objects.across_workspaces()
        .filter(Q(key=key), deleted_at__isnull=True, expires_at__gt=Now())
        .first()
    )
    if found is None:
        raise NotFound("There is no such file, or its time is over.")
    return found
