"""What tests of the pages of own accounts share."""

import re
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from tests.bridge.running import RunningBridge

CANARY = "canary-credential-4711"


def url(workspace: Workspace, name: str = "accounts", *args: Any) -> str:
    return reverse(f"dashboard:{name}", args=[workspace.slug, *args])


def of(account: Account, name: str = "accounts_one") -> str:
    """A page of the account."""
    assert account.workspace is not None
    return url(account.workspace, name, account.family, account.pk)


def words(html: bytes) -> str:
    """A page's text, spaces made one."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", html.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def shown(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return words(response.content)


def form(bridge: RunningBridge | None = None, **changed: Any) -> dict[str, Any]:
    """A form that connects an account at the bridge."""
    given = {
        "provider": "midjourney_bridge",
        "label": "Ours",
        "base_url": bridge.url if bridge is not None else "https://bridge.example.com",
        "credential": CANARY,
        "mode": "fast",
        "weight": "mid",
        "slots": "",
        "time_zone": "UTC",
        "is_valid_there": "on",
        "may_do_this": "on",
        "accepts_terms": "on",
        "stays_signed_in": "on",
    }
    return {name: value for name, value in {**given, **changed}.items() if value is not None}
