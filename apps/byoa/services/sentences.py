"""What is said of an account in its card: its state in a sentence, and what its owner can do next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apps.byoa import policies
from apps.byoa.models import Account
from apps.byoa.policies import State
from apps.core.sentences import sentence

# A period that a change of the clocks skips comes on the day after.
_LOOK_AHEAD = timedelta(days=3)


@dataclass(frozen=True)
class Sentence:
    """`tone` is ok, run, idle, warn or bad; `next_step` is empty where there is nothing to do."""

    state: State
    tone: str
    text: str
    next_step: str = ""


@dataclass(frozen=True)
class When:
    """A day of the account's own time zone and, with a clock, a time of it: "3 Mar" or "3 Mar, 14:05"."""

    moment: datetime
    has_clock: bool = True

    def __str__(self) -> str:
        day = f"{self.moment.day} {self.moment:%b}"
        return f"{day}, {self.moment:%H:%M}" if self.has_clock else day


def explain(account: Account, *, now: datetime) -> Sentence:
    """The account's state for its owner, without asking anybody. Times are those of its own time zone."""
    state = policies.state_of(account, now=now)
    tone, next_step = _TONES[state]
    text = _SENTENCES[state](account, now)
    return Sentence(state, tone, text, next_step)


_TONES: dict[State, tuple[str, str]] = {
    State.ACTIVE: ("ok", ""),
    State.CHECKING: ("run", ""),
    State.OUTSIDE_PERIOD: ("idle", sentence("Change the period")),
    State.BACKUP: ("idle", ""),
    State.PAUSED: ("idle", sentence("Start")),
    State.NO_FAST_HOURS: ("warn", sentence("Buy fast hours at the provider, then check")),
    State.RATE_LIMITED: ("warn", ""),
    State.CAPTCHA_REQUIRED: (
        "bad",
        sentence("Solve it in your own account, then say: I solved it"),
    ),
    State.BANNED: ("bad", sentence("Settle it there, then check")),
    State.SUBSCRIPTION_EXPIRED: ("bad", sentence("Renew it there, then check")),
    State.INVALID_CREDENTIALS: ("bad", sentence("Replace the credential")),
    State.NO_BALANCE: ("bad", sentence("Pay in there, then check")),
    State.SETUP_REQUIRED: ("bad", sentence("Put that right, then check")),
    State.SEAT_ENDED: ("bad", sentence("Rent a seat")),
}


def _active(account: Account, now: datetime) -> str:
    in_use = getattr(account, "in_use", None)
    if in_use is None:
        return sentence("Takes tasks.")
    return sentence("Takes tasks. {busy} of {slots} slots busy.", busy=in_use, slots=account.slots)


def _checking(account: Account, now: datetime) -> str:
    since = _clock(account, account.status_since)
    return sentence("Being checked since {clock}; that usually takes 20 s.", clock=since)


def _resting(account: Account, now: datetime) -> str:
    opens = _opens(account, now)
    if opens is None:
        return sentence("Resting until its period begins (your setting).")
    return sentence("Resting until {date} (your setting).", date=_when(account, opens))


def _out_of_fast(account: Account, now: datetime) -> str:
    if account.has_relax:
        return sentence("Fast hours are used up; it takes relax tasks only.")
    return sentence("Fast hours are used up; its plan has no relax time.")


def _slowed(account: Account, now: datetime) -> str:
    if account.resume_at is None:
        return sentence("The provider asked to slow down; again at the end of it, by itself.")
    clock = _clock(account, account.resume_at)
    return sentence("The provider asked to slow down; again at {clock}, by itself.", clock=clock)


def _blocked(account: Account, now: datetime) -> str:
    if not account.block_until:
        return _quoting(sentence("The provider has blocked it."), account)
    until = _when(account, account.block_until)
    words = sentence(
        "The provider has blocked it until {date}, when it returns by itself.", date=until
    )
    return _quoting(words, account)


def _plan_ended(account: Account, now: datetime) -> str:
    day = _when(account, account.status_since, has_clock=False)
    return sentence("The provider's plan ended {date}.", date=day)


def _seat_ended(account: Account, now: datetime) -> str:
    if account.shredded_at is not None:
        return sentence("Its seat has ended; it takes no tasks. Its credential was deleted.")
    return sentence(
        "Its seat has ended; it takes no tasks."
        " Its credential is kept for a while, in case a seat comes back."
    )


def _quoting(words: str, account: Account) -> str:
    """With what the provider said, if it said anything."""
    if not account.status_reason:
        return words
    said = account.status_reason
    return sentence("{sentence} It said: “{said}”", sentence=words, said=said)


_BACKUP = sentence("Waits until no active account can serve.")
_PAUSED = sentence("You paused it; follow-ups of its tasks still run.")
_CAPTCHA = sentence("The provider wants to see a person.")
_NO_BALANCE = sentence("The account has no balance left.")
_REFUSED = sentence("The sign-in was refused.")
_NOT_SET_UP = sentence("It is not set up for use.")
_SENTENCES: dict[State, Callable[[Account, datetime], str]] = {
    State.ACTIVE: _active,
    State.CHECKING: _checking,
    State.OUTSIDE_PERIOD: _resting,
    State.BACKUP: lambda account, now: _BACKUP,
    State.PAUSED: lambda account, now: _PAUSED,
    State.NO_FAST_HOURS: _out_of_fast,
    State.RATE_LIMITED: _slowed,
    State.CAPTCHA_REQUIRED: lambda account, now: _CAPTCHA,
    State.BANNED: _blocked,
    State.SUBSCRIPTION_EXPIRED: _plan_ended,
    State.INVALID_CREDENTIALS: lambda account, now: _quoting(_REFUSED, account),
    State.NO_BALANCE: lambda account, now: _NO_BALANCE,
    State.SETUP_REQUIRED: lambda account, now: _quoting(_NOT_SET_UP, account),
    State.SEAT_ENDED: _seat_ended,
}


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


def _local(account: Account, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(account.time_zone))


def _clock(account: Account, moment: datetime) -> str:
    return f"{_local(account, moment):%H:%M}"


def _when(account: Account, moment: datetime, *, has_clock: bool = True) -> When:
    return When(_local(account, moment), has_clock)
