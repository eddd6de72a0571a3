"""Exports of a person's data: asked for, taken up by a job, ready, gone. What is in them is not decided here."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.accounts.models import DataExport, User
from apps.core.errors import RateLimited
from apps.core.sentences import sentence

LIVES = timedelta(days=7)
MOST_A_DAY = 3
MOST_ATTEMPTS = 3
_LEASE = timedelta(hours=1)


@transaction.atomic
def ask(*, user: User) -> DataExport:
    """The export that waits to be built; a second click finds the first one's. Raises RateLimited."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    mine = DataExport.objects.filter(user=user)
    waiting = mine.filter(file="").first()
    if waiting is not None:
        return waiting
    if mine.filter(asked_at__gt=timezone.now() - timedelta(days=1)).count() >= MOST_A_DAY:
        raise RateLimited(
            sentence(
                "You get at most {count} exports in 24 hours. Those that are ready are below.",
                count=MOST_A_DAY,
            ),
            retry_after=3600,
        )
    return DataExport.objects.create(user=user)


def claim(*, export_id: int) -> DataExport | None:
    """The export, to be built by the caller and nobody else for an hour; None when it is not to be built now."""
    taken = (
        _waiting()
        .filter(pk=export_id)
        .update(claimed_at=timezone.now(), attempts=F("attempts") + 1)
    )
    return DataExport.objects.select_related("user").get(pk=export_id) if taken else None


def finish(*, export: DataExport, file: str, size_bytes: int) -> bool:
    """It can be fetched for a week from now on. Says no when its person, or another job, was faster."""
    expires_at = timezone.now() + LIVES
    export.file, export.size_bytes, export.expires_at = file, size_bytes, expires_at
    return bool(
        DataExport.objects.filter(pk=export.pk, file="").update(
            file=file, size_bytes=size_bytes, expires_at=expires_at
        )
    )


def waiting_ids() -> list[int]:
    """Those that a job may take up now."""
    return list(_waiting().values_list("pk", flat=True))


def gone() -> QuerySet[DataExport]:
    """Those that nobody fetches any more: expired, or given up."""
    return DataExport.objects.filter(
        Q(expires_at__lte=timezone.now())
        | Q(file="", attempts__gte=MOST_ATTEMPTS, claimed_at__lt=timezone.now() - _LEASE)
    )


def _waiting() -> QuerySet[DataExport]:
    is_free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=timezone.now() - _LEASE)
    return DataExport.objects.filter(is_free, file="", attempts__lt=MOST_ATTEMPTS)
