"""What providers say an account spent, next to what we recorded for the same time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db.models import Sum

from apps.byoa.models import Account, SupplierSnapshot
from apps.byoa.services import suppliers
from apps.tasks.models import Attempt

_SNAPSHOTS = 31


@dataclass(frozen=True)
class Interval:
    """The time between two looks. `told` is what the provider says was spent, `recorded` what our attempts cost.

    Work that ends near a look may count before it on one side and after it on the other; the next interval evens
    that out. Without a figure of what was used, `told` is how much less the account has, and a payment into it shows
    as a negative one.
    """

    since: datetime
    until: datetime
    told: int
    recorded: int

    @property
    def difference(self) -> int:
        """Positive: the provider took more than we know of."""
        return self.told - self.recorded


@dataclass(frozen=True)
class Supplier:
    """An account of the pool. `intervals` are newest first; `last_look` is the newest try, which may have failed."""

    account: Account
    tells: bool
    last_look: SupplierSnapshot | None
    intervals: Sequence[Interval]

    @property
    def difference(self) -> int:
        """Over all that is shown."""
        return sum(one.difference for one in self.intervals)

    @property
    def recorded(self) -> int:
        return sum(one.recorded for one in self.intervals)

    @property
    def told(self) -> int:
        return sum(one.told for one in self.intervals)


def suppliers_report() -> list[Supplier]:
    """The pool's accounts, oldest first, with the last month of looks."""
    accounts = Account.objects.across_workspaces().filter(workspace=None).order_by("id")
    return [_supplier(account) for account in accounts]


def _supplier(account: Account) -> Supplier:
    looks = list(account.snapshots.order_by("-id")[:_SNAPSHOTS])
    answered = [one for one in looks if _has_figures(one)]
    pairs = [(old, new) for new, old in pairwise(answered)]
    intervals = [found for old, new in pairs if (found := _interval(old, new)) is not None]
    return Supplier(account, suppliers.tells(account), looks[0] if looks else None, intervals)


def _has_figures(look: SupplierSnapshot) -> bool:
    return not look.error and (look.used_points is not None or look.balance_points is not None)


def _interval(old: SupplierSnapshot, new: SupplierSnapshot) -> Interval | None:
    told = _told(old, new)
    if told is None:
        return None
    ended = Attempt.objects.filter(
        account_id=new.account_id, ended_at__gt=old.taken_at, ended_at__lte=new.taken_at
    )
    recorded = ended.aggregate(points=Sum("cost_points", default=0))["points"]
    return Interval(old.taken_at, new.taken_at, told, recorded)


def _told(old: SupplierSnapshot, new: SupplierSnapshot) -> int | None:
    if old.used_points is not None and new.used_points is not None:
        return new.used_points - old.used_points
    if old.balance_points is None or new.balance_points is None:
        return None
    # What is held has not been spent.
    had = old.balance_points + (old.held_points or 0)
    return had - new.balance_points - (new.held_points or 0)
