"""What an account is able to do at a moment: one word for people, and for the choice of who takes a task.

The status in the row says how its provider sees it. What its owner set (pause, period, backup) and whether its seat is
paid come on top; of all that applies, the word is the one that its owner has to deal with first.
"""

from datetime import datetime, timedelta
from enum import IntEnum

from django.db import models
from django.utils.translation import gettext_noop

from apps.byoa.models import Account, Mode, Status
from apps.byoa.policies.turns import is_within

# Modes that use up paid fast time.
_FAST_MODES = frozenset({"fast", "turbo"})
# A task may wait so long for an account that comes back by itself.
_PATIENCE = timedelta(hours=24)


class State(models.TextChoices):
    """The words of the public contract, and three of ours (the last)."""

    ACTIVE = "active", gettext_noop("Active")
    OUTSIDE_PERIOD = "outside_active_period", gettext_noop("Outside its active period")
    BACKUP = "backup", gettext_noop("Backup")
    PAUSED = "paused", gettext_noop("Paused")
    NO_FAST_HOURS = "no_fast_hours", gettext_noop("No fast hours")
    RATE_LIMITED = "rate_limited", gettext_noop("Rate limited")
    CAPTCHA_REQUIRED = "captcha_required", gettext_noop("Captcha required")
    BANNED = "banned", gettext_noop("Banned")
    SUBSCRIPTION_EXPIRED = "subscription_expired", gettext_noop("Subscription expired")
    INVALID_CREDENTIALS = "invalid_credentials", gettext_noop("Invalid credentials")
    CHECKING = "checking", gettext_noop("Checking")
    NO_BALANCE = "no_balance", gettext_noop("No balance")
    SETUP_REQUIRED = "setup_required", gettext_noop("Setup required")
    SEAT_ENDED = "seat_ended", gettext_noop("Seat ended")


# Of the stored statuses these need somebody; the word is the same.
PARKED = frozenset(
    {
        Status.CAPTCHA_REQUIRED, Status.BANNED, Status.SUBSCRIPTION_EXPIRED, Status.INVALID_CREDENTIALS,
        Status.NO_BALANCE, Status.SETUP_REQUIRED, Status.NO_FAST_HOURS,
    }
)  # fmt: skip
# It takes tasks, or will in a moment without anybody noticing more than a wait.
_PRESENT = frozenset({State.ACTIVE, State.NO_FAST_HOURS, State.RATE_LIMITED, State.CHECKING})


def state_of(account: Account, *, now: datetime) -> State:
    """The account's state in one word."""
    if account.seat_ended_at is not None:
        return State.SEAT_ENDED
    if account.status in PARKED:
        return State(account.status)
    if account.is_paused:
        return State.PAUSED
    if account.status == Status.CHECKING:
        return State.CHECKING
    if account.is_backup and account.backup_activated_at is None:
        return State.BACKUP
    if not _is_in_period(account, now):
        return State.OUTSIDE_PERIOD
    if (
        account.status == Status.COOLING
        and account.resume_at is not None
        and account.resume_at > now
    ):
        return State.RATE_LIMITED
    return State.NO_FAST_HOURS if account.is_out_of_fast else State.ACTIVE


def _is_in_period(account: Account, now: datetime) -> bool:
    return is_within(
        now=now, start=account.active_from, end=account.active_to, zone=account.time_zone
    )


# ---------------------------------------------------------------------------- slow and fast
def has_fast(account: Account) -> bool:
    """Whether it takes fast tasks: it has fast time, and its owner did not set it to relax."""
    return account.mode != Mode.RELAX and not account.is_out_of_fast


def takes(account: Account, *, mode: str) -> bool:
    """Whether it can run a task at this speed. Work without speeds has the mode ""."""
    if mode in _FAST_MODES:
        return has_fast(account)
    return account.has_relax or not mode


def mode_on(account: Account, *, asked: str) -> str:
    """The speed at which a task that must run on this account runs there."""
    return "relax" if asked in _FAST_MODES and not has_fast(account) else asked


# ------------------------------------------------------------------------- what to hope for
class Prospect(IntEnum):
    """What a waiting task may hope for from an account; the larger the better."""

    NONE = 0  # its owner has to do something first, or it never runs this
    LATER = 1  # it comes back by itself within a day
    NOW = 2  # it takes tasks, or does so in a moment


def is_able(account: Account, *, now: datetime) -> bool:
    """Whether it counts as there: it takes tasks, or will in a moment (a slot, a cool-down, a check)."""
    return state_of(account, now=now) in _PRESENT


def prospect(account: Account, *, now: datetime, mode: str) -> Prospect:
    """What a task of this speed may hope for. A full account is there; a day's cap ends with the day (UTC)."""
    if not takes(account, mode=mode):
        return Prospect.NONE
    state = state_of(account, now=now)
    if state in _PRESENT:
        return Prospect.LATER if _is_capped(account, now) else Prospect.NOW
    if state == State.OUTSIDE_PERIOD:
        return Prospect.LATER
    back = returns_at(account, now=now)
    return Prospect.LATER if back is not None and back <= now + _PATIENCE else Prospect.NONE


def returns_at(account: Account, *, now: datetime) -> datetime | None:
    """When its provider lets it in again, where that is known and still to come."""
    if account.status == Status.BANNED and account.block_until and account.block_until > now:
        return account.block_until
    if account.status == Status.COOLING and account.resume_at and account.resume_at > now:
        return account.resume_at
    return None


def _is_capped(account: Account, now: datetime) -> bool:
    today = account.day_count if account.day == now.date() else 0
    return account.daily_cap is not None and today >= account.daily_cap
