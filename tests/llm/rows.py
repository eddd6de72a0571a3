"""Rows of calls as gateways write them."""

import uuid
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import ApiKey, Workspace
from apps.accounts.services import KeyTerms, create_key
from apps.byoa.models import Account
from apps.llm.models import CreditBlock, PriceVersion, Usage

RATES = {"input": "1.5", "output": "6", "cached_input": "0.75"}


def key_of(workspace: Workspace, name: str = "bot") -> ApiKey:
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name=name), actor=None)
    return key


def block_of(workspace: Workspace) -> CreditBlock:
    """One for rows that cost something; the wallet knows nothing of it."""
    return CreditBlock.objects.create(
        workspace=workspace,
        gateway="test",
        points=10_000_000,
        state="settled",
        lease_until=datetime(2026, 1, 1).astimezone(),
    )


def price(model: str = "gpt-4o-mini") -> PriceVersion:
    """US$0.15 and US$0.60 a million tokens."""
    return PriceVersion.objects.get_or_create(
        version=f"v-{model}"[:32], defaults={"model": model, "rates": RATES}
    )[0]


def attempt(
    workspace: Workspace,
    *,
    key: ApiKey | None = None,
    account: Account | None = None,
    **fields: Any,
) -> Usage:
    """An attempt that read 10 tokens, wrote 3 and cost 33 points, unless `fields` say otherwise."""
    points = fields.pop("points", 33)
    values: Any = {
        "attempt": uuid.uuid4(),
        "call": uuid.uuid4(),
        "workspace": workspace,
        "api_key": key,
        "account": account,
        "block": block_of(workspace) if points else None,
        "price": price() if points else None,
        "model": "gpt-4o-mini",
        "operation": "chat",
        "provider": "openai",
        "end": "completed",
        "usage_source": "reported",
        "input_tokens": 10,
        "output_tokens": 3,
        "points": points,
        "first_ms": 120,
        "total_ms": 800,
        "request_id": "req-1",
    }
    return Usage.objects.create(**(values | fields))


def happened(row: Usage, at: datetime) -> None:
    """As if it was written then: past the trigger that forbids it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE llm_usage SET created_at = %s WHERE id = %s", [at, row.pk])
