"""How long an account rests after a failure, and when one that was parked is looked at again. No clock, no database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apps.byoa.models import Status

FAILURES_TO_COOL = 3
_FIRST_COOL = 5.0
_LONGEST_COOL = 600.0
_FIRST_RECHECK = 600.0
_LONGEST_RECHECK = 6 * 3600.0
# Nobody but the owner can say that these are over, and asking again may make it worse.
OWNER_ONLY = frozenset({Status.CAPTCHA_REQUIRED, Status.BANNED})


@dataclass(frozen=True)
class Rest:
    """After a failure: how many there were in a row, and until when the account rests (None: it does not)."""

    failures: int
    until: datetime | None


def rest(
    *, now: datetime, failures: int, resume_at: datetime | None, retry_after: float | None
) -> Rest:
    """What one more failure means. `resume_at` is the end of a cool-down that began before, if one did.

    A provider that says when to come back is believed at once, others after three failures in a row; a probe that
    fails needs no three. Nobody rests longer than ten minutes: one task is tried then.
    """
    asked = _asked(retry_after)
    if resume_at is not None and resume_at > now:
        # It was sent before the cool-down began: counted with what began it.
        return Rest(failures, max(resume_at, now + timedelta(seconds=asked or 0)))
    failures += 1
    if asked is None and resume_at is None and failures < FAILURES_TO_COOL:
        return Rest(failures, None)
    own = _doubled(_FIRST_COOL, failures - FAILURES_TO_COOL, _LONGEST_COOL)
    return Rest(failures, now + timedelta(seconds=max(own, asked or 0)))


def _asked(retry_after: float | None) -> float | None:
    # It comes from the other side: not a number, negative and a year are all possible.
    if retry_after is None or not retry_after >= 0:
        return None
    return min(retry_after, _LONGEST_COOL)


def recheck_at(
    *, status: str, times: int, now: datetime, block_until: object = None
) -> datetime | None:
    """When a parked account is checked again after so many checks in vain; None: when its owner says so.

    A ban whose end is known (`block_until`, an instant or ISO 8601) is looked at then.
    """
    if status == Status.BANNED:
        until = _instant(block_until)
        return until if until is not None and until > now else None
    if status in OWNER_ONLY:
        return None
    return now + recheck_after(times=times)


def recheck_after(*, times: int) -> timedelta:
    """Ten minutes, doubling to six hours."""
    return timedelta(seconds=_doubled(_FIRST_RECHECK, times, _LONGEST_RECHECK))


def _instant(text: object) -> datetime | None:
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _doubled(first: float, times: int, longest: float) -> float:
    # The exponent is kept small: a power of a thousand would overflow.
    return float(min(first * 2 ** min(max(times, 0), 20), longest))


def without(text: str, *, secret: str) -> str:
    """The text with the secret replaced wherever it stands."""
    return text.replace(secret, "[removed]") if secret else text
