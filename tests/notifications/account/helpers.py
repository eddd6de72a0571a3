"""Telling a workspace of its account, and what it was told."""

import base64
import hashlib
import hmac
import json
from typing import Any

from apps.accounts.models import User, Workspace
from apps.notifications import selectors
from apps.notifications.models import Delivery, Email
from apps.notifications.services import account_events, hooks
from tests.factories import owner_of
from tests.notifications.receiver import Got

URL = "https://hooks.example.com/account?token=ours"


def tell(workspace: Workspace, **changes: Any) -> bool:
    return account_events.tell(
        **{
            "workspace_id": workspace.pk,
            "type": "mj_bot_banned",
            "message": "Midjourney has banned the account “Studio”.",
            "detail": {"bot_id": 7, "bot_name": "Studio", "reason": "spam", "block_until": 1},
            "key": "ban:7:1",
            **changes,
        }
    )


def hooked(workspace: Workspace, url: str = URL) -> str:
    return hooks.set_hook(workspace_id=workspace.pk, url=url, actor=owner_of(workspace))


def sent(workspace: Workspace) -> list[tuple[str, Any]]:
    rows = Delivery.objects.of(workspace.pk).order_by("id")
    return [(row.kind, json.loads(row.body)["detail"]) for row in rows]


def mails(workspace: Workspace) -> list[tuple[str, str]]:
    rows = Email.objects.of(workspace.pk).order_by("id")
    return [(row.kind, row.to) for row in rows]


def shown(workspace: Workspace, user: User | None = None) -> list[tuple[str, bool]]:
    user_id = (user or owner_of(workspace)).pk
    page = selectors.notices(workspace_id=workspace.pk, user_id=user_id, limit=50)
    return [(line.notice.message, line.is_unread) for line in page.items]


def signature(secret: str, got: Got) -> str:
    """As a receiver reckons it, without any code of ours."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def noisy(workspace: Workspace, n: int, type: str = "account_failover") -> None:
    tell(workspace, type=type, key=f"{type}:{n}", message=f"Number {n}.", detail={})
