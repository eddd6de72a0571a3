"""What workspaces are told of their account: one table of events, and the ways they can be told.

The types of the first group and the keys of their details are the public contract's; the second group is ours, for
accounts of families without types of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_noop as _


class Channel(StrEnum):
    WEBHOOK = "webhook"
    EMAIL = "email"
    BELL = "bell"


_ALL = frozenset(Channel)
_NO_MAIL = _ALL - {Channel.EMAIL}


@dataclass(frozen=True)
class EventType:
    """One thing that can happen to an account.

    `detail` has every key that is always sent, with its value where whoever tells says nothing of it. Mails about what
    is noisy are collected. `mails_itself`: who tells of it writes the mail, and asks the preference before.
    `channels` are those it takes until the workspace chooses.
    """

    type: str
    title: str
    detail: Mapping[str, Any]
    is_noisy: bool = False
    mails_itself: bool = False
    channels: frozenset[Channel] = _ALL


_BOT: Mapping[str, Any] = {"bot_id": 0, "bot_name": ""}
_GPT: Mapping[str, Any] = {"gpt_account_id": 0, "gpt_account_name": ""}
# `family` is a model's name as in the API.
_ACCOUNT: Mapping[str, Any] = {"account_id": 0, "account_name": "", "family": ""}
# `host`, not the address: the rest of it may hold a token.
_ENDPOINT: Mapping[str, Any] = {"endpoint_id": "", "host": ""}

_TABLE = (
    EventType(
        "credits_exhausted",
        _("Credits used up"),
        # Clients of the public contract read the misspelt name.
        {"quota_type": "", "credis_remain": 0, "credits_remain": 0},
        mails_itself=True,
    ),
    EventType(
        "mj_penalty_triggered",
        _("Midjourney penalty"),
        {"penalty_type": "", "task_id": "", "threshold": 0, "cap_usage": 0},
        is_noisy=True,
    ),
    EventType(
        "mj_bot_banned", _("Midjourney account banned"), {**_BOT, "reason": "", "block_until": 0}
    ),
    EventType("mj_bot_subscription_expired", _("Midjourney subscription expired"), _BOT),
    EventType("mj_bot_captcha_required", _("Midjourney account asks for a captcha"), _BOT),
    EventType("no_active_mj_bot", _("No Midjourney account left"), {}),
    EventType(
        "mj_bot_no_fasthour",
        _("Midjourney account out of fast hours"),
        {**_BOT, "subscription_plan": ""},
    ),
    EventType("gpt_account_unavailable", _("GPTs account unavailable"), {**_GPT, "reason": ""}),
    EventType(
        "gpt_usage_limit_reached",
        _("GPTs account at its limit"),
        {**_GPT, "limit_until": 0},
        is_noisy=True,
    ),
    # `status` is the account's, `until` (Unix seconds, 0: not known) when it may come back.
    EventType(
        "account_unavailable",
        _("Account unavailable"),
        {**_ACCOUNT, "status": "", "reason": "", "until": 0},
        is_noisy=True,
    ),
    EventType(
        "account_recovered", _("Account works again"), _ACCOUNT, is_noisy=True, channels=_NO_MAIL
    ),
    EventType(
        "account_failover",
        _("Work moved to pay-per-use"),
        {"family": "", "task_id": "", "reason": ""},
        is_noisy=True,
    ),
    EventType(
        "account_backup_activated",
        _("Backup accounts activated"),
        {"family": "", "account_ids": [], "reason": ""},
    ),
    # `seats` are those that are left, `keep_until` (Unix seconds) when credentials of `account_ids` are deleted.
    EventType(
        "seat_ended",
        _("Seat ended"),
        {"family": "", "seats": 0, "account_ids": [], "keep_until": 0},
    ),
    EventType(
        "webhook_failing",
        _("Webhook endpoint fails"),
        {**_ENDPOINT, "failures": 0, "status": 0, "since": 0},
    ),
    EventType("webhook_recovered", _("Webhook endpoint works again"), _ENDPOINT),
    EventType("webhook_stopped", _("Webhook endpoint switched off"), _ENDPOINT),
)
EVENTS: Mapping[str, EventType] = {event.type: event for event in _TABLE}

# What an endpoint may choose: what becomes of tasks without a webhook of their own, and the account's events but those
# about endpoints, so that one that fails is not told of itself.
TASK_EVENTS: Mapping[str, str] = {
    "task.created": _("Task created"),
    "task.completed": _("Task completed"),
    "task.failed": _("Task failed"),
    "task.cancelled": _("Task cancelled"),
}
ENDPOINT_ACCOUNT_EVENTS: Mapping[str, str] = {
    name: event.title for name, event in EVENTS.items() if not name.startswith("webhook_")
}
