"""What a workspace's credits did in a month, from the ledger.

Counted is what is there and held, less what is owed: a hold moves nothing in or out, its capture does. Months are UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection
from django.utils import timezone

from apps.billing.models import CreditEntry
from apps.core.errors import NotFound

Kind = CreditEntry.Kind


@dataclass(frozen=True)
class Statement:
    """A month in points. `came_in` and `went_out` name what moved, in the order they are shown, and hold no zeros.

    opening + came_in - used - went_out = closing, or `statement` would have raised.
    """

    month: date
    opening: int
    came_in: dict[str, int]
    used: int
    went_out: dict[str, int]
    closing: int
    lines: int

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return _begin(self.month)

    @property
    def until(self) -> datetime:
        """The first moment after it."""
        return _begin(_next(self.month))

    @property
    def is_over(self) -> bool:
        return self.until <= timezone.now()


class StatementDoesNotAddUp(Exception):
    """The ledger moved in a way that no line of the statement shows: a fault of ours."""


def statement(*, workspace_id: int, month: date) -> Statement:
    """The month's statement. One query, summed by the database. Raises NotFound for a month without an account."""
    month = month.replace(day=1)
    if month not in months(workspace_id=workspace_id):
        raise NotFound(f"There is no statement of {month:%Y-%m}.")
    with connection.cursor() as cursor:
        begin, end = _begin(month), _begin(_next(month))
        cursor.execute(_SUMS, {"workspace": workspace_id, "begin": begin, "end": end})
        kinds = {row[0]: tuple(int(value) for value in row[1:]) for row in cursor.fetchall()}
    return _built(month, kinds)


# Per kind: before the month, in it up, in it down, its lines. Sums of bigints are exact numerics.
_SUMS = """
SELECT kind, COALESCE(sum(moved) FILTER (WHERE created_at < %(begin)s), 0),
       COALESCE(sum(moved) FILTER (WHERE created_at >= %(begin)s AND moved > 0), 0),
       COALESCE(-sum(moved) FILTER (WHERE created_at >= %(begin)s AND moved < 0), 0),
       count(*) FILTER (WHERE created_at >= %(begin)s)
  FROM (SELECT kind, created_at, available_delta + held_delta - debt_delta AS moved FROM billing_creditentry
         WHERE workspace_id = %(workspace)s AND created_at < %(end)s) lines
 GROUP BY kind
"""
_IN = {
    Kind.PURCHASE: "Purchases",
    Kind.GRANT: "Grants",
    Kind.REFUND: "Refunds of used credits",
    Kind.REINSTATEMENT: "Given back after a reversal",
    Kind.ADJUSTMENT: "Corrections",
}
_OUT = {
    Kind.EXPIRY: "Expired",
    Kind.CLAWBACK: "Taken back after a reversal",
    Kind.ADJUSTMENT: "Corrections",
}


def _built(month: date, kinds: dict[str, tuple[int, ...]]) -> Statement:
    def sums(column: int, names: dict[CreditEntry.Kind, str]) -> dict[str, int]:
        found = {word: kinds.get(kind, (0, 0, 0, 0))[column] for kind, word in names.items()}
        return {word: points for word, points in found.items() if points}

    opening = sum(row[0] for row in kinds.values())
    found = Statement(
        month=month,
        opening=opening,
        came_in=sums(1, _IN),
        used=kinds.get(Kind.CAPTURE, (0, 0, 0, 0))[2],
        went_out=sums(2, _OUT),
        # Of every line, whatever its kind: so a kind that the lines above forget shows as a difference.
        closing=opening + sum(row[1] - row[2] for row in kinds.values()),
        lines=sum(row[3] for row in kinds.values()),
    )
    shown = found.opening + sum(found.came_in.values()) - found.used - sum(found.went_out.values())
    if shown != found.closing:
        raise StatementDoesNotAddUp(f"{month:%Y-%m}: {shown} is not {found.closing}")
    return found


def months(*, workspace_id: int) -> list[date]:
    """From the month of the first ledger line to the present one, newest first; of an empty ledger none."""
    rows = CreditEntry.objects.of(workspace_id).order_by("id").values_list("created_at", flat=True)
    first = rows.first()
    if first is None:
        return []
    month, found = first.astimezone(UTC).date().replace(day=1), []
    while month <= timezone.now().astimezone(UTC).date():
        found.append(month)
        month = _next(month)
    return found[::-1]


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)
