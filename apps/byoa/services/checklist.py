"""Why an account takes tasks or does not: every condition looked at, the provider's live, and what to do about each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from apps.accounts.models import Workspace
from apps.byoa import policies, selectors
from apps.byoa.models import Account, Mode, Status
from apps.byoa.policies import Span
from apps.byoa.services import checks, statuses
from apps.byoa.services.sentences import Sentence, explain
from apps.byoa.services.terms import MIDJOURNEY, Terms
from apps.core.sentences import sentence
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
)

__all__ = ["Line", "Sentence", "explain", "preview_period", "red", "run", "said_lines"]

_UNTOLD = sentence("Cannot be told until then.")
OK, BAD, UNKNOWN, OFF = "ok", "bad", "unknown", "off"


@dataclass(frozen=True)
class Line:
    """One condition. `state` is ok, bad, unknown, or off where it does not apply; `do` is empty where it is fine."""

    name: str
    title: str
    state: str
    says: str
    do: str = ""


def run(*, workspace_id: int, account_id: int) -> list[Line]:
    """Look at everything now, and record what the provider said. Never inside a transaction. Raises NotFound."""
    before = selectors.own_account(workspace_id=workspace_id, account_id=account_id)
    error = None if before.seat_ended_at else _error(account_id)
    # The check may have changed it.
    account = selectors.own_account(workspace_id=workspace_id, account_id=account_id)
    return [
        _seat(account),
        *_live(account, error),
        _fast(account, error),
        _started(account),
        _period(account),
        _cap(account),
        _slot(account),
        _private(account),
        _last(account),
    ]


def preview_period(*, terms: Terms, now: datetime, days: int = 7) -> list[Span]:
    """When an account with these terms takes tasks from `now` on, in UTC: for so many days of 24 hours."""
    return policies.open_spans(
        now=now,
        until=now + timedelta(days=days),
        start=terms.active_from,
        end=terms.active_to,
        zone=terms.time_zone,
    )


def _error(account_id: int) -> ProviderError | None:
    try:
        checks.check_now(account_id=account_id)
    except ProviderError as error:
        return error
    return None


# -------------------------------------------------------------------- what the provider says
# Name, title, what is said when all is well; each needs those before it.
_LIVE = (
    ("reach", sentence("Provider can be reached"), sentence("It answers.")),
    ("credential", sentence("Credential accepted"), sentence("The provider knows it.")),
    ("plan", sentence("Provider's plan valid"), sentence("The provider lets it work.")),
    ("captcha", sentence("No captcha"), sentence("None is asked for.")),
    ("blocked", sentence("Not blocked"), sentence("It is not.")),
)
_NEEDS: dict[Need, tuple[str, str]] = {
    Need.BALANCE: ("plan", sentence("Pay in at the provider, then check again.")),
    Need.SUBSCRIPTION: ("plan", sentence("Renew the plan at the provider, then check again.")),
    Need.SETUP: (
        "plan",
        sentence("Put that right there or in the settings here, then check again."),
    ),
    Need.CAPTCHA: ("captcha", sentence("Solve it in your own account there, then check again.")),
    Need.BANNED: ("blocked", sentence("Settle it with the provider, then check again.")),
}


def red(error: ProviderError) -> tuple[str, str]:
    """The name of the line that an error makes red, and what to do."""
    if isinstance(error, BadCredentials):
        return "credential", sentence("Replace the credential.")
    if isinstance(error, AccountNeedsOwner):
        return _NEEDS[error.need]
    return "reach", sentence("See that its address is right and its server runs, then check again.")


def _live(account: Account, error: ProviderError | None) -> list[Line]:
    if account.seat_ended_at is not None:
        return [
            Line(name, title, UNKNOWN, sentence("Not asked: it has no seat."))
            for name, title, _ in _LIVE
        ]
    if error is None or _is_fast_hours(error):
        return [Line(name, title, OK, _well(name, says, account)) for name, title, says in _LIVE]
    name, do = red(error)
    return said_lines(name=name, said=statuses.reason(account, error), do=do)


def said_lines(*, name: str, said: str, do: str) -> list[Line]:
    """What the provider has to do with, where the line called `name` is red."""
    names = [known for known, _, _ in _LIVE]
    lines = []
    for place, (known, title, says) in enumerate(_LIVE):
        if known == name:
            lines.append(Line(known, title, BAD, said, do))
        elif place < names.index(name):
            lines.append(Line(known, title, OK, says))
        else:
            lines.append(Line(known, title, UNKNOWN, _UNTOLD))
    return lines


def _well(name: str, says: str, account: Account) -> str:
    is_known = name == "plan" and account.plan
    return sentence("Plan {plan}.", plan=account.plan) if is_known else says


def _is_fast_hours(error: ProviderError | None) -> bool:
    return isinstance(error, AccountNeedsOwner) and error.need == Need.FAST_HOURS


# By whether its plan has relax time.
_SLOW = {
    True: sentence("It takes relax tasks."),
    False: sentence("Its plan has no relax time."),
}
_USED_UP = {
    True: sentence("The fast hours are used up. It takes relax tasks."),
    False: sentence("The fast hours are used up. Its plan has no relax time."),
}
_SET_TO_RELAX = {
    True: sentence("You have set it to relax. It takes relax tasks."),
    False: sentence("You have set it to relax. Its plan has no relax time."),
}


def _fast(account: Account, error: ProviderError | None) -> Line:
    name, title = "time", sentence("Fast or relax time left")
    if account.family != MIDJOURNEY:
        return Line(name, title, OFF, sentence("This family knows no fast and relax time."))
    if account.is_out_of_fast:
        do: str = sentence("Buy fast hours at the provider, then check again.")
        return Line(name, title, BAD, _USED_UP[account.has_relax], do)
    if account.seat_ended_at is not None or error is not None:
        return Line(name, title, UNKNOWN, _UNTOLD)
    if account.mode == Mode.RELAX:
        do = "" if account.has_relax else sentence("Set its mode to fast.")
        state = OK if account.has_relax else BAD
        return Line(name, title, state, _SET_TO_RELAX[account.has_relax], do)
    return Line(name, title, OK, _time_left(account))


def _time_left(account: Account) -> str:
    if account.fast_hours is None:
        return _SLOW[account.has_relax]
    hours = f"{account.fast_hours.normalize():f}"
    if account.has_relax:
        return sentence("{hours} fast hours left. It takes relax tasks.", hours=hours)
    return sentence("{hours} fast hours left. Its plan has no relax time.", hours=hours)


# ------------------------------------------------------------------ what is settled here
def _seat(account: Account) -> Line:
    name, title = "seat", sentence("Seat paid")
    if account.seat_ended_at is None:
        return Line(name, title, OK, sentence("It sits on a seat."))
    kept_until = account.seat_ended_at + timedelta(days=settings.SEAT_CREDENTIAL_DAYS)
    says = (
        sentence(
            "The seat has ended. Its credential is kept until {day}.", day=f"{kept_until:%Y-%m-%d}"
        )
        if account.shredded_at is None
        else sentence("The seat has ended. Its credential was deleted.")
    )
    return Line(name, title, BAD, says, sentence("Rent a seat."))


def _started(account: Account) -> Line:
    name, title = "started", sentence("Started")
    if account.is_paused:
        return Line(
            name,
            title,
            BAD,
            sentence("You paused it. Follow-ups of its tasks still run."),
            sentence("Start it."),
        )
    if account.is_backup and account.backup_activated_at is None:
        return Line(
            name,
            title,
            OFF,
            sentence("It is a backup, and waits until no other account can serve."),
        )
    if account.status == Status.COOLING:
        return Line(
            name,
            title,
            OFF,
            sentence("It rests because of failures, and is tried again by itself."),
        )
    return Line(name, title, OK, sentence("It is in use."))


def _period(account: Any) -> Line:
    name, title = "period", sentence("Inside its active period")
    if account.active_from is None or account.active_to is None:
        return Line(name, title, OFF, sentence("It has none: it takes tasks all day."))
    says = sentence(
        "It works {start} to {end}, {zone}.",
        start=f"{account.active_from:%H:%M}",
        end=f"{account.active_to:%H:%M}",
        zone=account.time_zone,
    )
    is_inside = policies.is_within(
        now=account.now, start=account.active_from, end=account.active_to, zone=account.time_zone
    )
    do = "" if is_inside else sentence("Wait, or change the period.")
    return Line(name, title, OK if is_inside else BAD, says, do)


def _cap(account: Any) -> Line:
    name, title = "cap", sentence("Below its daily cap")
    today = account.day_count if account.day == account.now.date() else 0
    if account.daily_cap is None:
        says = sentence("It has none. {count} tasks today (UTC).", count=today)
        return Line(name, title, OFF, says)
    is_below = today < account.daily_cap
    do = "" if is_below else sentence("Wait for the next day (UTC), or raise the cap.")
    says = sentence("{count} of {cap} today (UTC).", count=today, cap=account.daily_cap)
    return Line(name, title, OK if is_below else BAD, says, do)


def _slot(account: Any) -> Line:
    name, title = "slot", sentence("A slot is free")
    is_free = account.in_use < account.slots
    do = (
        ""
        if is_free
        else sentence("Wait, or give it more slots where the provider allows more at once.")
    )
    says = sentence("{busy} of {slots} are busy.", busy=account.in_use, slots=account.slots)
    return Line(name, title, OK if is_free else BAD, says, do)


def _private(account: Account) -> Line:
    name, title = "private", sentence("Family is private")
    workspace = Workspace.objects.get(accounts=account)
    if account.family in workspace.private_families:
        return Line(
            name, title, OK, sentence("Tasks run on own accounts unless they ask otherwise.")
        )
    return Line(
        name,
        title,
        OFF,
        sentence("Only tasks that ask for the private pool come here."),
        sentence('Turn the family to private, or send "service_mode": "private" with a task.'),
    )


def _last(account: Any) -> Line:
    name, title = "last", sentence("Last tasks")
    # Tasks sum up what they did here hour by hour; they know accounts, and accounts not them.
    hour = account.hours.order_by("-hour").first()
    if hour is None:
        return Line(
            name,
            title,
            UNKNOWN,
            sentence("None has ended here yet."),
            sentence("Send a task to try it."),
        )
    says = sentence(
        "In the hour from {hour} (UTC) {succeeded} of {attempts} went well.",
        hour=f"{hour.hour:%Y-%m-%d %H:%M}",
        succeeded=hour.succeeded,
        attempts=hour.attempts,
    )
    if hour.succeeded:
        return Line(name, title, OK, says)
    return Line(name, title, BAD, says, sentence("See why they failed."))
