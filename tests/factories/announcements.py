"""What the operator announced, and every page knows of it at once."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.notifications.announcements import forget_announcements
from apps.notifications.models import Announcement


def announced(title: str = "Kling answers slowly since 09:12.", **fields: Any) -> Announcement:
    """An incident that began an hour ago, unless `fields` say otherwise."""
    values = {"kind": "incident", "starts_at": timezone.now() - timedelta(hours=1), **fields}
    row = Announcement.objects.create(title=title, **values)
    forget_announcements()
    return row
