"""What is said of an account in its card: its state in a sentence, and what its owner can do next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apps.byoa import policies
from apps.byoa.models import Account
from apps.byoa.policies import State

# A period that a change of the clocks skips comes on the day after.
_LOOK_AHEAD = timedelta(days=3)


@dataclass(frozen=True)
class Sentence:
    """`tone` is ok, run, idle, warn or bad; `next_step` is empty where there is nothing to do."""

    state: State
    tone: str
    text: str
    next_step: str = ""


def explain(account: Account, *, now: datetime) -> Sentence:
    """The account's state for its owner, without asking anybody. Times are those of its own time zone."""
    state = policies.state_of(account, now=now)
    tone, text, next_step = _WORDS[state]
    return Sentence(state, tone, _filled(text, account, now), next_step)


_WORDS: dict[State, tuple[str, str, str]] = {
    State.ACTIVE: ("ok", "Takes tasks.{slots}", ""),
    State.CHECKING: ("run", "Being checked since {since}; that usually takes 20 s.", ""),
    State.OUTSIDE_PERIOD: ("idle", "Resting until {opens} (your setting).", "Change the period"),
    State.BACKUP: ("idle", "Waits until no active account can serve.", ""),
    State.PAUSED: ("idle", "You paused it; follow-ups of its tasks still run.", "Start"),
    State.NO_FAST_HOURS: (
        "warn",
        "Fast hours are used up; {slow}.",
        "Buy fast hours at the provider, then check",
    ),
    State.RATE_LIMITED: (
        "warn",
        "The provider asked to slow down; again at {resumes}, by itself.",
        "",
    ),
    State.CAPTCHA_REQUIRED: (
        "bad",
        "The provider wants to see a person.",
        "Solve it in your own account, then say: I solved it",
    ),
    State.BANNED: ("bad", "The provider has blocked it{until}.{said}", "Settle it there, then check"),
    State.SUBSCRIPTION_EXPIRED: (
        "bad",
        "The provider's plan ended {day}.",
        "Renew it there, then check",
    ),
    State.INVALID_CREDENTIALS: ("bad", "The sign-in was refused.{said}", "Replace the credential"),
    State.NO_BALANCE: ("bad", "The account has no balance left.", "Pay in there, then check"),
    State.SETUP_REQUIRED: ("bad", "It is not set up for use.{said}", "Put that right, then check"),
    State.SEAT_ENDED: ("bad", "Its seat has ended; it takes no tasks.{kept}", "Rent a seat"),
}  # fmt: skip


def _filled(text: str, account: Account, now: datetime) -> str:
    in_use = getattr(account, "in_use", None)
    opens = _opens(account, now)
    block = account.block_until
    returns = f" until {_day_time(account, block)}, when it returns by itself" if block else ""
    return text.format(
        slots="" if in_use is None else f" {in_use} of {account.slots} slots busy.",
        since=_clock(account, account.status_since),
        day=_day(account, account.status_since),
        opens=_day_time(account, opens) if opens else "its period begins",
        resumes=_clock(account, account.resume_at) if account.resume_at else "the end of it",
        until=returns,
        said=f" It said: “{account.status_reason}”" if account.status_reason else "",
        slow="it takes relax tasks only" if account.has_relax else "its plan has no relax time",
        kept=_kept(account),
    )


def _opens(account: Account, now: datetime) -> datetime | None:
    """When its period begins next."""
    spans = policies.open_spans(
        now=now,
        until=now + _LOOK_AHEAD,
        start=account.active_from,
        end=account.active_to,
        zone=account.time_zone,
    )
    return next((first for first, _ in spans if first > now), None)


def _kept(account: Account) -> str:
    if account.shredded_at is not None:
        return " Its credential was deleted."
    return " Its credential is kept for a while, in case a seat comes back."


def _local(account: Account, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(account.time_zone))


def _clock(account: Account, moment: datetime) -> str:
    return f"{_local(account, moment):%H:%M}"


def _day(account: Account, moment: datetime) -> str:
    local = _local(account, moment)
    return f"{local.day} {local:%b}"


def _day_time(account: Account, moment: datetime) -> str:
    return f"{_day(account, moment)}, {_clock(account, moment)}"
