"""GET /account/info: the workspace behind the key, in the field names that clients know.

Fields for what Modelyard does not have (captcha solving, groups of accounts) are there all the same, with the value
that is true: false or empty.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import orjson
from allauth.account.models import EmailAddress
from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.accounts.models import Membership, Workspace
from apps.accounts.selectors import Identity
from apps.api.openapi import operations
from apps.api.views import ApiView, answer, identity_of
from apps.billing import selectors as billing
from apps.billing.models import CreditEntry, Wallet
from apps.billing.selectors import subscriptions, transactions
from apps.core import money
from apps.tasks import selectors as tasks
from apps.tasks.presentation import time_text

_PRIVATE_POOLS = ("chat_gpt", "kling", "luma", "suno", "udio")
_SEATS = ("chat_gpt", "hailuo", "kling", "luma", "suno", "udio")
_FAILOVERS = ("mj", "kling", "luma", "suno")
# What the catalog calls the families that have another name here.
_FAMILIES = {"chat_gpt": "gpts", "mj": "midjourney"}
_LIMITED_FAMILIES = (
    "flux", "hailuo", "image_toolkit", "internal_proxy", "kling", "luma", "suno", "trellis", "udio",
)  # fmt: skip
Kind = CreditEntry.Kind
_FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)


class AccountInfo(ApiView):
    """Free, and only what belongs to the key's own workspace."""

    scope = "account"
    operations: ClassVar[dict[str, Any]] = {"get": operations.ACCOUNT_INFO}

    def get(self, request: Request) -> Response:
        identity = identity_of(request)
        workspace = accounts.workspace_by_id(workspace_id=identity.workspace_id)
        wallet = billing.wallet(workspace_id=identity.workspace_id)
        moved = transactions.income_and_losses(workspace_id=identity.workspace_id)
        spent = _captured_points(identity.workspace_id) - moved.get(Kind.REFUND, 0)
        data = (
            _profile(workspace, identity)
            | _pools(workspace)
            | _limits(identity)
            | _money(wallet, spent=spent, expired=-moved.get(Kind.EXPIRY, 0))
        )
        return answer(dict(sorted(data.items())))


def _profile(workspace: Workspace, identity: Identity) -> dict[str, Any]:
    return {
        "account_group": "default",
        "account_mj_bot_group_relations": [],
        "account_mj_worker_node_group_relations": [],
        "account_tags": [],
        "api_key": _masked_key(identity),
        "auto_challenge_mj_verification": False,
        "created_at": time_text(workspace.created_at),
        "id": workspace.pk,
        "is_enable": workspace.is_enabled,
        "is_verified": _is_verified(workspace),
        "name": workspace.name,
        "notification_hook_url": workspace.notification_hook_url,
        "plan": workspace.plan,
        "platform": settings.SITE_NAME.lower(),
        "skip_suno_flagged_account": workspace.skips_flagged_suno,
        "type": "workspace",
        "updated_at": time_text(workspace.updated_at),
    }


def _pools(workspace: Workspace) -> dict[str, Any]:
    """Seats, which families use them, and which may leave them."""
    seats = subscriptions.seats_of(workspace_id=workspace.pk)
    private, leaving = set(workspace.private_families), set(workspace.failover_families)
    return (
        {f"is_using_private_{name}_pool": _family(name) in private for name in _PRIVATE_POOLS}
        | {f"{name}_failover_enabled": _family(name) in leaving for name in _FAILOVERS}
        | {f"private_{name}_pool_size": seats.get(_family(name), 0) for name in _SEATS}
        | {"private_pool_size": seats.get(_family("mj"), 0)}
    )


def _family(name: str) -> str:
    return _FAMILIES.get(name, name)


def _limits(identity: Identity) -> dict[str, int]:
    each = identity.concurrent_tasks
    return {"max_concurrent_task_count": each} | {
        f"max_{family}_concurrency": each for family in _LIMITED_FAMILIES
    }


def _money(wallet: Wallet, *, spent: int, expired: int) -> dict[str, Any]:
    """Each sum is rounded down by itself to hundredths of a credit; `wallet` has the exact points.

    Inactive would be credits that were bought and cannot be used yet: there are none.
    """
    total = wallet.available + wallet.held + spent + expired
    return {
        "credit_pack_info": {
            "available_credits": _credits(wallet.available),
            "used_credits": _credits(spent),
            "total_credits": _credits(total),
            "frozen_credits": _credits(wallet.held),
            "expired_credits": _credits(expired),
            "inactive_credits": _credits(0),
        },
        "equivalent_in_usd": _number(money.usd(wallet.available)),
        "wallet": {"balance": wallet.available, "frozen": wallet.held, "currency": "point"},
    }


def _captured_points(workspace_id: int) -> int:
    """From the quarter-hour sums: reading every ledger line would take longer the more a customer uses us."""
    until = datetime.now(UTC) + timedelta(days=1)
    (ever,) = tasks.usage_since(workspace_id=workspace_id, since=[_FIRST_DAY], until=until)
    return ever.cost_points


def _credits(points: int) -> orjson.Fragment:
    return _number(money.display_credits(points))


def _number(amount: Decimal) -> orjson.Fragment:
    """A JSON number with exactly these digits."""
    return orjson.Fragment(f"{amount:f}")


def _masked_key(identity: Identity) -> str:
    if identity.key_id is None:
        return ""
    return accounts.api_key(workspace_id=identity.workspace_id, key_id=identity.key_id).masked


def _is_verified(workspace: Workspace) -> bool:
    """Whether an owner has proved an e-mail address."""
    return bool(
        EmailAddress.objects.filter(
            verified=True,
            user__memberships__workspace=workspace,
            user__memberships__role=Membership.Role.OWNER,
        ).exists()
    )
