"""What owners of accounts are told: the events of the public contract, written in the transaction that makes them true.

The operator's own accounts have no owner to tell here; metrics and the console show them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from apps.accounts.models import Workspace
from apps.byoa import stored
from apps.byoa.models import Account, AccountEvent, Status
from apps.byoa.policies import is_able
from apps.notifications.services import account_events

_MIDJOURNEY, _GPTS = "midjourney", "gpts"
_OF_MIDJOURNEY: dict[str, tuple[str, str]] = {
    Status.BANNED: ("mj_bot_banned", stored.BANNED),
    Status.SUBSCRIPTION_EXPIRED: (
        "mj_bot_subscription_expired",
        stored.SUBSCRIPTION_EXPIRED,
    ),
    Status.CAPTCHA_REQUIRED: (
        "mj_bot_captcha_required",
        stored.CAPTCHA_REQUIRED,
    ),
}
# It takes no tasks in any of these, and somebody has to do something.
_PARKED = frozenset(
    {
        Status.BANNED, Status.SUBSCRIPTION_EXPIRED, Status.CAPTCHA_REQUIRED, Status.INVALID_CREDENTIALS,
        Status.NO_BALANCE, Status.SETUP_REQUIRED,
    }
)  # fmt: skip


def of_status(account: Account, *, event: AccountEvent) -> None:
    """The status has changed, and is written."""
    if account.workspace_id is None:
        return
    key = f"account-event:{event.pk}"
    if account.status in _PARKED:
        _tell(account, key, *_bad_news(account))
        of_none_left(account, key=key)
    elif account.status == Status.ACTIVE and _was_parked(account, event):
        message = stored.RECOVERED.format(name=account.label)
        _tell(account, key, "account_recovered", message, _account(account))
    elif account.status == Status.COOLING and account.family == _GPTS:
        until = int(account.resume_at.timestamp()) if account.resume_at else 0
        detail = _named_gpt(account) | {"limit_until": until}
        message = stored.AT_ITS_LIMIT.format(name=account.label)
        _tell(account, key, "gpt_usage_limit_reached", message, detail)


def _bad_news(account: Account) -> tuple[str, str, Mapping[str, Any]]:
    """Type, message and detail of an account that takes no tasks any more."""
    if account.family == _MIDJOURNEY and account.status in _OF_MIDJOURNEY:
        kind, message = _OF_MIDJOURNEY[account.status]
        detail = _named(account)
        if account.status == Status.BANNED:
            until = int(account.block_until.timestamp()) if account.block_until else 0
            detail |= {"reason": account.status_reason, "block_until": until}
        return kind, message.format(name=account.label), detail
    reason = account.get_status_display().lower()
    message = stored.TAKES_NO_TASKS.format(name=account.label, reason=reason)
    if account.family == _GPTS:
        return (
            "gpt_account_unavailable",
            message,
            _named_gpt(account) | {"reason": account.status_reason},
        )
    back = account.block_until or account.resume_at
    detail = _account(account) | {
        "status": account.status,
        "reason": account.status_reason,
        "until": int(back.timestamp()) if back else 0,
    }
    return "account_unavailable", message, detail


def of_fast_hours(account: Account, *, event: AccountEvent) -> None:
    """Its fast time is used up."""
    if account.workspace_id is None:
        return
    detail = _named(account) | {"subscription_plan": account.plan}
    message = stored.OUT_OF_FAST.format(name=account.label)
    _tell(account, f"account-event:{event.pk}", "mj_bot_no_fasthour", message, detail)


def of_backups(accounts: Sequence[Account], *, reason: str, event: AccountEvent) -> None:
    """These backups of one family take tasks from now on; `event` is the history's line of one of them."""
    names = ", ".join(account.label for account in accounts)
    detail = {
        "family": accounts[0].family,
        "account_ids": [account.pk for account in accounts],
        "reason": reason,
    }
    message = stored.BACKUPS_START.format(names=names)
    _tell(accounts[0], f"account-event:{event.pk}", "account_backup_activated", message, detail)


def of_seats(
    accounts: Sequence[Account], *, seats: int, keep_until: datetime, event: AccountEvent
) -> None:
    """The seats of these accounts of one family have ended; `seats` are left."""
    names = ", ".join(account.label for account in accounts)
    message = stored.NO_SEAT.format(names=names, day=f"{keep_until:%Y-%m-%d}")
    detail = {
        "family": accounts[0].family,
        "seats": seats,
        "account_ids": [account.pk for account in accounts],
        "keep_until": int(keep_until.timestamp()),
    }
    _tell(accounts[0], f"account-event:{event.pk}", "seat_ended", message, detail)


def of_none_left(account: Account, *, key: str) -> None:
    """Say so when no account of Midjourney is there any more, whatever the reason."""
    if account.workspace_id is None or account.family != _MIDJOURNEY:
        return
    others = Account.objects.of(account.workspace_id).filter(families=[_MIDJOURNEY])
    now = _database_now()
    if any(is_able(one, now=now) for one in others):
        return
    _tell(account, f"none-left:{key}", "no_active_mj_bot", stored.NONE_LEFT, {})


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


def _was_parked(account: Account, event: AccountEvent) -> bool:
    before = account.events.filter(pk__lt=event.pk).order_by("-id").first()
    return before is not None and before.status in _PARKED


def _named(account: Account) -> dict[str, Any]:
    return {"bot_id": account.pk, "bot_name": account.label}


def _account(account: Account) -> dict[str, Any]:
    return {"account_id": account.pk, "account_name": account.label, "family": account.family}


def _named_gpt(account: Account) -> dict[str, Any]:
    return {"gpt_account_id": account.pk, "gpt_account_name": account.label}


def _tell(account: Account, key: str, kind: str, message: str, detail: Mapping[str, Any]) -> None:
    workspace_id = account.workspace_id
    if workspace_id is None:
        return
    slug = Workspace.objects.values_list("slug", flat=True).get(pk=workspace_id)
    # An account that was deleted has no page any more.
    page = f"/{account.pk}" if account.pk else ""
    account_events.tell(
        workspace_id=workspace_id,
        type=kind,
        message=message,
        detail=dict(detail),
        key=key,
        url=f"/w/{slug}/accounts/{account.family}{page}",
    )
