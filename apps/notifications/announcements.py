"""What the operator announces, as pages show it."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from apps.notifications.models import Announcement

# Every page asks for the strip's, and they change rarely: each process reads them anew after this long.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 20
_MOST_SHOWN = 100
_kept: tuple[float, Sequence[Announcement]] = (0.0, ())
_lock = threading.Lock()

# The worst is shown first.
_RANK = {Announcement.Kind.INCIDENT: 0, Announcement.Kind.MAINTENANCE: 1, Announcement.Kind.INFO: 2}


def for_strip() -> Announcement | None:
    """The one that goes above every page now, if any. A change shows within five seconds."""
    now = timezone.now()
    found = [one for one in _strips() if one.holds(now)]
    return min(found, key=lambda one: _RANK[Announcement.Kind(one.kind)], default=None)


def _strips() -> Sequence[Announcement]:
    until, found = _kept
    if time.monotonic() < until:
        return found
    with _lock:
        now = timezone.now()
        rows = Announcement.objects.filter(
            Q(ends_at=None) | Q(ends_at__gt=now), resolved_at=None, on_strip=True
        )
        found = list(rows.order_by("-starts_at")[:_MOST_KEPT])
        keep(found)
    return found


def keep(found: Sequence[Announcement], seconds: float = _KEPT_SECONDS) -> None:
    """Believe these to be all for so long (tests, which count queries)."""
    global _kept
    _kept = (time.monotonic() + seconds, found)


def forget_announcements() -> None:
    """Read them again for the next page (the process that changed one, and tests)."""
    keep((), seconds=0)


def for_status(*, since: datetime) -> list[Announcement]:
    """Those of the status page that hold, lie ahead, or began since then; newest first."""
    still_holds = Q(resolved_at=None) & (Q(ends_at=None) | Q(ends_at__gt=timezone.now()))
    rows = Announcement.objects.filter(Q(starts_at__gte=since) | still_holds, on_status=True)
    return list(rows.order_by("-starts_at", "-id")[:_MOST_SHOWN])


def for_changelog() -> list[Announcement]:
    """Those of the changelog that have begun, newest first; of very many the newest hundred."""
    rows = Announcement.objects.filter(on_changelog=True, starts_at__lte=timezone.now())
    return list(rows.order_by("-starts_at", "-id")[:_MOST_SHOWN])
