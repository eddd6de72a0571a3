"""A workspace's own accounts: they sit on its seats and serve nobody else."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from apps.billing.selectors.subscriptions import seats_of
from apps.byoa import policies
from apps.byoa.models import Account, Status
from apps.byoa.policies import Prospect
from apps.byoa.selectors.routes import routes
from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import sentence


class NoSeat(DomainError):
    """The workspace has no seat (any more) for what was asked for."""

    type = "no_seat"


def own_accounts(*, workspace_id: int, family: str = "") -> QuerySet[Account]:
    """The workspace's accounts, oldest first, with `now` (the database's) and `in_use` (slots)."""
    rows = Account.objects.of(workspace_id)
    if family:
        rows = rows.filter(families=[family])
    now = Now()
    return rows.annotate(
        now=now, in_use=Count("leases", filter=Q(leases__expires_at__gt=now))
    ).order_by("id")


def own_account(*, workspace_id: int, account_id: int) -> Account:
    """One of them, as above. Raises NotFound."""
    found = own_accounts(workspace_id=workspace_id).filter(pk=account_id).first()
    if found is None:
        raise NotFound(sentence("There is no account {id}.", id=account_id))
    return found


def in_need(*, workspace_id: int) -> list[Account]:
    """Those that take nothing until somebody does something at their provider or here; not those that are paused."""
    parked = policies.PARKED - {Status.NO_FAST_HOURS}
    rows = own_accounts(workspace_id=workspace_id)
    return list(rows.filter(status__in=parked, seat_ended_at=None, is_paused=False))


def seats_left(*, workspace_id: int, family: str) -> int:
    """How many more accounts of the family can be connected."""
    return _left(workspace_id, family, Counter(seats_of(workspace_id=workspace_id)))


def _left(workspace_id: int, family: str, seats: Counter[str]) -> int:
    taken = Account.objects.of(workspace_id).filter(families=[family], seat_ended_at=None).count()
    return max(0, seats[family] - taken)


def require_seat(*, workspace_id: int, family: str) -> None:
    """Raises NoSeat where the workspace has none for the family, nor an account on one."""
    rows = Account.objects.of(workspace_id).filter(families=[family], seat_ended_at=None)
    if not rows.exists() and not seats_of(workspace_id=workspace_id).get(family):
        raise NoSeat(
            sentence(
                "There is no seat for {family} in this workspace. Use public, or rent a seat and connect an account.",
                family=family,
            )
        )


def own_prospect(
    *,
    workspace_id: int,
    spec: TaskSpec,
    mode: str,
    only: int | None = None,
    skips_flagged: bool = False,
) -> Prospect:
    """What a private task may hope for from the workspace's accounts.

    A fast task that finds no fast time runs as a slow one. With `only` one account counts.
    """
    accounts = own_accounts(workspace_id=workspace_id, family=spec.family).filter(
        seat_ended_at=None
    )
    providers = {route.provider for route in routes(spec)}
    fitting = [
        one
        for one in accounts
        if one.provider in providers
        and (only is None or one.pk == only)
        and not (skips_flagged and one.is_flagged)
    ]
    return best_prospect(fitting, mode=mode)


def best_prospect(accounts: Iterable[Account], *, mode: str) -> Prospect:
    """The best that any of the accounts (annotated with `now`) gives."""
    speeds = {mode, "relax"} if mode else {""}
    found = [
        policies.prospect(one, now=_now(one), mode=speed) for one in accounts for speed in speeds
    ]
    return max(found, default=Prospect.NONE)


def _now(account: Account) -> datetime:
    now: datetime = account.now  # type: ignore[attr-defined]
    return now
