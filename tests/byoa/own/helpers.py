"""What tests of own accounts do and ask again and again."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.byoa.models import Account
from apps.byoa.services import own
from apps.byoa.services.terms import Terms
from apps.core.errors import InvalidRequest
from tests.factories import owner_of
from tests.upstream.running import Upstream

CANARY = "canary-credential-0815"
KLING: dict[str, Any] = {"family": "kling", "provider": "federation", "credential": "ours"}


def connect(
    workspace: Workspace, upstream: Upstream, *, terms: Terms | None = None, **fields: Any
) -> Account:
    given = {**KLING, "actor": owner_of(workspace), "ip": "203.0.113.9", "confirmed": True}
    return own.connect(
        workspace=workspace,
        terms=terms or Terms(label="Ours", base_url=upstream.url),
        **{**given, **fields},
    )


def refused(connecting: Callable[[], Any]) -> tuple[str, str]:
    """The field and the words."""
    with pytest.raises(InvalidRequest) as caught:
        connecting()
    assert caught.value.detail is not None
    return caught.value.detail["field"], caught.value.message


def audited(workspace: Workspace) -> list[tuple[str, dict[str, Any]]]:
    rows = AuditEvent.objects.of(workspace.pk).order_by("id")
    return [
        (row.action, {name: row.detail[name] for name in row.detail if name not in _ALWAYS})
        for row in rows
        if row.action.startswith("account.")
    ]


_ALWAYS = ("account", "family", "provider")


def who(workspace: Workspace, made: Account) -> dict[str, Any]:
    return {"workspace": workspace, "actor": None, "ip": None, "account_id": made.pk}
