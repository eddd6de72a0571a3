"""What customers are told, over HTTP and by mail, and how the telling went."""

from apps.notifications.models.account import AccountHook, Notice, NotificationPreference
from apps.notifications.models.announcements import Announcement
from apps.notifications.models.deliveries import Delivery
from apps.notifications.models.endpoints import Endpoint, ReplayRun
from apps.notifications.models.mails import Email

__all__ = [
    "AccountHook",
    "Announcement",
    "Delivery",
    "Email",
    "Endpoint",
    "Notice",
    "NotificationPreference",
    "ReplayRun",
]
