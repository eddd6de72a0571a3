"""Every column that holds sealed values (apps.core.sealing), and changing the key that sealed them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction

from apps.billing.models import CodeBatch
from apps.byoa.models import Account
from apps.core import sealing
from apps.notifications.models import AccountHook, Delivery, Endpoint
from apps.tasks.models import Task

_BATCH = 500
# Rows that somebody works on are passed over and tried again.
_PASSES = 20
_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Column:
    """`bound_to` names the column or property that says what a row's value is bound to; `needs` what that reads."""

    model: type[models.Model]
    name: str
    bound_to: str
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"

    def rows(self) -> "models.QuerySet[Any]":
        """Those that have a value. Every workspace's: this is the operator's doing."""
        manager: Any = self.model._default_manager
        rows = manager.across_workspaces() if hasattr(manager, "across_workspaces") else manager
        found: models.QuerySet[Any] = rows.exclude(**{self.name: ""})
        return found.only("pk", self.name, *self.needs)

    def stale(self) -> "models.QuerySet[Any]":
        """Those that another than the first key sealed."""
        return self.rows().exclude(**{f"{self.name}__startswith": sealing.current_prefix()})


# A test finds columns that are missing here.
COLUMNS = (
    Column(Account, "credential", bound_to="sealed_to"),
    Column(Task, "webhook_secret", bound_to="reference"),
    Column(Delivery, "secret", bound_to="sealed_to", needs=("sealed_to",)),
    Column(AccountHook, "secret", bound_to="sealed_to"),
    Column(AccountHook, "previous_secret", bound_to="sealed_to"),
    Column(Endpoint, "secret", bound_to="sealed_to"),
    Column(Endpoint, "both_secrets", bound_to="sealed_to"),
    Column(CodeBatch, "sealed_codes", bound_to="sealed_to"),
)


@dataclass
class Rotation:
    """How a column fared. `lost` are the keys of rows that no key opens; they stay as they are."""

    values: int
    resealed: int = 0
    lost: tuple[str, ...] = ()
    left: int = 0


def rotate(column: Column, *, report: Callable[[int], None] = lambda _: None) -> Rotation:
    """Seal every value of the column with the first key. Safe to stop and to repeat at any moment, while work goes on.

    `report` is told the number of values after each batch.
    """
    done = Rotation(values=column.rows().count())
    for turn in range(_PASSES):
        if turn:
            time.sleep(_WAIT_SECONDS)
        _pass(column, done, report)
        done.left = column.stale().count() - len(done.lost)
        if done.left <= 0:
            break
    return done


def _pass(column: Column, done: Rotation, report: Callable[[int], None]) -> None:
    last: Any = None
    done.lost = ()
    while rows := _batch(column, last, done):
        last = rows[-1].pk
        report(done.resealed)


@transaction.atomic
def _batch(column: Column, last: Any, done: Rotation) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    found = column.stale().order_by("pk").select_for_update(skip_locked=True, no_key=True)
    rows = list((found if last is None else found.filter(pk__gt=last))[:_BATCH])
    opened = [row for row in rows if _reseal(column, row)]
    column.model._base_manager.bulk_update(opened, [column.name])
    done.resealed += len(opened)
    done.lost += tuple(str(row.pk) for row in rows if row not in opened)
    return rows


def _reseal(column: Column, row: Any) -> bool:
    bound_to = getattr(row, column.bound_to)
    try:
        plain = sealing.unseal(getattr(row, column.name), bound_to=bound_to)
    except sealing.CannotOpen:
        return False
    setattr(row, column.name, sealing.seal(plain, bound_to=bound_to))
    return True
