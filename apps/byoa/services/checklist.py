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
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
)

__all__ = ["Line", "Sentence", "explain", "preview_period", "red", "run", "said_lines"]

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
    ("reach", "Provider can be reached", "It answers."),
    ("credential", "Credential accepted", "The provider knows it."),
    ("plan", "Provider's plan valid", "The provider lets it work."),
    ("captcha", "No captcha", "None is asked for."),
    ("blocked", "Not blocked", "It is not."),
)
_NEEDS: dict[Need, tuple[str, str]] = {
    Need.BALANCE: ("plan", "Pay in at the provider, then check again."),
    Need.SUBSCRIPTION: ("plan", "Renew the plan at the provider, then check again."),
    Need.SETUP: ("plan", "Put that right there or in the settings here, then check again."),
    Need.CAPTCHA: ("captcha", "Solve it in your own account there, then check again."),
    Need.BANNED: ("blocked", "Settle it with the provider, then check again."),
}


def red(error: ProviderError) -> tuple[str, str]:
    """The name of the line that an error makes red, and what to do."""
    if isinstance(error, BadCredentials):
        return "credential", "Replace the credential."
    if isinstance(error, AccountNeedsOwner):
        return _NEEDS[error.need]
    return "reach", "See that its address is right and its server runs, then check again."


def _live(account: Account, error: ProviderError | None) -> list[Line]:
    if account.seat_ended_at is not None:
        return [
            Line(name, title, UNKNOWN, "Not asked: it has no seat.") for name, title, _ in _LIVE
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
            lines.append(Line(known, title, UNKNOWN, "Cannot be told until then."))
    return lines


def _well(name: str, says: str, account: Account) -> str:
    return f"Plan {account.plan}." if name == "plan" and account.plan else says


def _is_fast_hours(error: ProviderError | None) -> bool:
    return isinstance(error, AccountNeedsOwner) and error.need == Need.FAST_HOURS


def _fast(account: Account, error: ProviderError | None) -> Line:
    name, title = "time", "Fast or relax time left"
    if account.family != MIDJOURNEY:
        return Line(name, title, OFF, "This family knows no fast and relax time.")
    slow = "It takes relax tasks." if account.has_relax else "Its plan has no relax time."
    if account.is_out_of_fast:
        do = "Buy fast hours at the provider, then check again."
        return Line(name, title, BAD, f"The fast hours are used up. {slow}", do)
    if account.seat_ended_at is not None or error is not None:
        return Line(name, title, UNKNOWN, "Cannot be told until then.")
    if account.mode == Mode.RELAX:
        do = "" if account.has_relax else "Set its mode to fast."
        state = OK if account.has_relax else BAD
        return Line(name, title, state, f"You have set it to relax. {slow}", do)
    left = (
        ""
        if account.fast_hours is None
        else f"{account.fast_hours.normalize():f} fast hours left. "
    )
    return Line(name, title, OK, f"{left}{slow}")


# ------------------------------------------------------------------ what is settled here
def _seat(account: Account) -> Line:
    name, title = "seat", "Seat paid"
    if account.seat_ended_at is None:
        return Line(name, title, OK, "It sits on a seat.")
    kept_until = account.seat_ended_at + timedelta(days=settings.SEAT_CREDENTIAL_DAYS)
    kept = f"Its credential is kept until {kept_until:%Y-%m-%d}."
    says = kept if account.shredded_at is None else "Its credential was deleted."
    return Line(name, title, BAD, f"The seat has ended. {says}", "Rent a seat.")


def _started(account: Account) -> Line:
    name, title = "started", "Started"
    if account.is_paused:
        return Line(
            name, title, BAD, "You paused it. Follow-ups of its tasks still run.", "Start it."
        )
    if account.is_backup and account.backup_activated_at is None:
        return Line(name, title, OFF, "It is a backup, and waits until no other account can serve.")
    if account.status == Status.COOLING:
        return Line(name, title, OFF, "It rests because of failures, and is tried again by itself.")
    return Line(name, title, OK, "It is in use.")


def _period(account: Any) -> Line:
    name, title = "period", "Inside its active period"
    if account.active_from is None or account.active_to is None:
        return Line(name, title, OFF, "It has none: it takes tasks all day.")
    hours = f"{account.active_from:%H:%M} to {account.active_to:%H:%M}, {account.time_zone}"
    is_inside = policies.is_within(
        now=account.now, start=account.active_from, end=account.active_to, zone=account.time_zone
    )
    do = "" if is_inside else "Wait, or change the period."
    return Line(name, title, OK if is_inside else BAD, f"It works {hours}.", do)


def _cap(account: Any) -> Line:
    name, title = "cap", "Below its daily cap"
    today = account.day_count if account.day == account.now.date() else 0
    if account.daily_cap is None:
        return Line(name, title, OFF, f"It has none. {today} tasks today (UTC).")
    is_below = today < account.daily_cap
    do = "" if is_below else "Wait for the next day (UTC), or raise the cap."
    return Line(
        name, title, OK if is_below else BAD, f"{today} of {account.daily_cap} today (UTC).", do
    )


def _slot(account: Any) -> Line:
    name, title = "slot", "A slot is free"
    is_free = account.in_use < account.slots
    do = "" if is_free else "Wait, or give it more slots where the provider allows more at once."
    return Line(
        name, title, OK if is_free else BAD, f"{account.in_use} of {account.slots} are busy.", do
    )


def _private(account: Account) -> Line:
    name, title = "private", "Family is private"
    workspace = Workspace.objects.get(accounts=account)
    if account.family in workspace.private_families:
        return Line(name, title, OK, "Tasks run on own accounts unless they ask otherwise.")
    return Line(
        name,
        title,
        OFF,
        "Only tasks that ask for the private pool come here.",
        'Turn the family to private, or send "service_mode": "private" with a task.',
    )


def _last(account: Any) -> Line:
    name, title = "last", "Last tasks"
    # Tasks sum up what they did here hour by hour; they know accounts, and accounts not them.
    hour = account.hours.order_by("-hour").first()
    if hour is None:
        return Line(name, title, UNKNOWN, "None has ended here yet.", "Send a task to try it.")
    when = f"In the hour from {hour.hour:%Y-%m-%d %H:%M} (UTC)"
    went_well = f"{hour.succeeded} of {hour.attempts} went well."
    state = OK if hour.succeeded else BAD
    return Line(
        name, title, state, f"{when} {went_well}", "" if hour.succeeded else "See why they failed."
    )
