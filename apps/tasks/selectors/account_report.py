"""What an account did: its data report, from the hourly sums."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from apps.byoa.selectors import own_account
from apps.tasks.models import AccountHour


@dataclass(frozen=True)
class AccountDay:
    """A UTC day of an account.

    `fast_hours` is the time that fast tasks ran, `seconds` the mean from a task's start to its end.
    """

    day: date
    tasks: int
    succeeded: int
    seconds: float | None
    fast_hours: float
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return self.tasks - self.succeeded

    @property
    def success_rate(self) -> float | None:
        """Percent; None without a task."""
        return 100 * self.succeeded / self.tasks if self.tasks else None


def account_days(*, workspace_id: int, account_id: int, days: int) -> list[AccountDay]:
    """The last so many days of the workspace's account, oldest first, those without a task too. Raises NotFound."""
    own_account(workspace_id=workspace_id, account_id=account_id)
    return days_of(account_id=account_id, days=days)


def days_of(*, account_id: int, days: int) -> list[AccountDay]:
    """The same of any account, for the operator."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = AccountHour.objects.filter(account_id=account_id, hour__gte=since).order_by("hour")
    by_day: dict[date, list[AccountHour]] = {}
    for row in rows:
        by_day.setdefault(row.hour.astimezone(UTC).date(), []).append(row)
    return [
        _day(first + timedelta(days=n), by_day.get(first + timedelta(days=n), []))
        for n in range(days)
    ]


def last_days(*, workspace_id: int, account_ids: Sequence[int]) -> dict[int, AccountDay]:
    """What those of the accounts that are the workspace's did in the last 24 hours; one query for all of them."""
    since = datetime.now(UTC) - timedelta(hours=24)
    rows = AccountHour.objects.filter(
        account__workspace_id=workspace_id, account_id__in=account_ids, hour__gte=since
    )
    found: dict[int, list[AccountHour]] = {account_id: [] for account_id in account_ids}
    for row in rows:
        found[row.account_id].append(row)
    today = since.date()
    return {account_id: _day(today, hours) for account_id, hours in found.items()}


def _day(day: date, hours: Sequence[AccountHour]) -> AccountDay:
    errors: Counter[str] = Counter()
    for hour in hours:
        errors.update(hour.errors)
    succeeded = sum(hour.succeeded for hour in hours)
    run_ms = sum(hour.run_ms for hour in hours)
    return AccountDay(
        day=day,
        tasks=sum(hour.attempts for hour in hours),
        succeeded=succeeded,
        seconds=run_ms / succeeded / 1000 if succeeded else None,
        fast_hours=sum(hour.fast_ms for hour in hours) / 3_600_000,
        errors=dict(sorted(errors.items())),
    )
