"""Finding a workspace's tasks by anything that is known of them, newest first, however many there are.

Status, model and error have indexes that begin with the workspace and end with the time: they find a page at once. All
else (key, member, pool, cost, words) has none, because each would be paid by every task that is created. It is
looked for row by row along such an index, at most so many rows a page; the answer says how far that reached, and the
next page goes on from there. So a page costs about the same in a history of a million tasks, and nothing is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db.models import F, Func, Q, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left
from django.db.models.lookups import IContains

from apps.accounts.models import ApiKey
from apps.core.tenancy import TenantQuerySet
from apps.tasks.models import CANCELLABLE, FINAL, UNFINISHED, Status, Task
from apps.tasks.selectors.tasks import Position

# A "status" that is three: what waits and what runs.
OPEN = "open"
# Rows that one page looks at where no index knows the answer.
MOST_LOOKED_AT = 150_000
MOST_READ = 15_000  # reading what was said takes longer than comparing a number
_AT_ONCE = 1000
_EXCERPT = 160
# Where an input says what is wanted, in words.
_SAID_IN = ("prompt", "text", "lyrics", "gpt_description_prompt", "negative_prompt")
# Neither lists nor tables need these, and they are most of a row.
_HEAVY = ("input", "output", "price_lines", "webhook_secret", "error_raw")


@dataclass(frozen=True)
class TaskSearch:
    """What is looked for; empty and None mean all. `created_after` is inclusive, `created_before` exclusive.

    Costs are points, both inclusive: what a task cost, or what is held while it has not ended. `member` made it, or
    made the key that did. Each of `words` stands in its prompt.
    """

    status: str = ""
    model: str = ""
    key_id: int | None = None
    member_id: int | None = None
    pool: str = ""
    error: int | None = None
    client_reference: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    cost_from: int | None = None
    cost_to: int | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Tasks, newest first, and where the next page starts (None at the end).

    `searched_to`: the page is not full because the search stopped here; older tasks were not looked at.
    """

    items: Sequence[Task]
    next: Position | None
    searched_to: datetime | None = None


def search(
    *, workspace_id: int, wanted: TaskSearch, limit: int, after: Position | None = None
) -> Found:
    """A page of the tasks that match: one query, or two where rows must be looked at. They carry `said`, an excerpt."""
    rows = _shown(workspace_id).filter(_of_time(wanted))
    if after is not None:
        rows = rows.filter(_older(after))
    if wanted.status == OPEN:
        # There are never many, and an index knows each of the three.
        parts = [_page(_compared(rows.filter(status=one), wanted), limit) for one in UNFINISHED]
        found = parts[0].union(*parts[1:], all=True).order_by("-created_at", "-id")
        return _cut(list(found[: limit + 1]), limit)
    indexed, is_all = _indexed(wanted)
    rows = rows.filter(indexed)
    if is_all:
        return _cut(list(_page(rows, limit)), limit)
    edge = _edge(rows, MOST_READ if wanted.words else MOST_LOOKED_AT)
    rows = _compared(rows, wanted)
    if edge is not None:
        rows = rows.filter(~_older(edge), created_at__gte=edge.created_at)
    return _cut(list(_page(rows, limit)), limit, edge)


def everything(*, workspace_id: int, wanted: TaskSearch) -> Iterator[Task]:
    """All that match, newest first, read a piece at a time."""
    after: Position | None = None
    while True:
        found = search(workspace_id=workspace_id, wanted=wanted, limit=_AT_ONCE, after=after)
        yield from found.items
        after = found.next
        if after is None:
            return


def waiting(*, workspace_id: int, wanted: TaskSearch, most: int) -> list[Task]:
    """Those that match and have not started, newest first; at most so many and one more."""
    rows = _shown(workspace_id).filter(_of_time(wanted))
    parts = [_page(_compared(rows.filter(status=one), wanted), most) for one in CANCELLABLE]
    found = parts[0].union(*parts[1:], all=True).order_by("-created_at", "-id")
    return list(found[: most + 1])


def _shown(workspace_id: int) -> TenantQuerySet[Task]:
    rows = Task.objects.of(workspace_id).select_related("api_key", "created_by").defer(*_HEAVY)
    excerpt = Left(KeyTextTransform("prompt", "input"), _EXCERPT)
    return cast(TenantQuerySet[Task], rows.annotate(said=excerpt))


def _page(rows: TenantQuerySet[Task], limit: int) -> TenantQuerySet[Task]:
    return rows.order_by("-created_at", "-id")[: limit + 1]


def _cut(found: list[Task], limit: int, edge: Position | None = None) -> Found:
    """One more than asked for was read, to see whether there is a next page."""
    items = found[:limit]
    if len(found) > limit:
        return Found(items, Position(items[-1].created_at, items[-1].id))
    return Found(items, edge, edge.created_at if edge else None)


def _edge(rows: TenantQuerySet[Task], count: int) -> Position | None:
    """The last of so many rows; None where there are fewer. Read from an index alone."""
    last = rows.order_by("-created_at", "-id").values_list("created_at", "id")
    found = list(last[count - 1 : count])
    return Position(*found[0]) if found else None


def _older(than: Position) -> Q:
    same_time = Q(created_at=than.created_at, id__lt=than.task_id)
    return Q(Q(created_at__lt=than.created_at) | same_time, created_at__lte=than.created_at)


def _of_time(wanted: TaskSearch) -> Q:
    condition = Q()
    if wanted.created_after is not None:
        condition &= Q(created_at__gte=wanted.created_after)
    if wanted.created_before is not None:
        condition &= Q(created_at__lt=wanted.created_before)
    return condition


def _indexed(wanted: TaskSearch) -> tuple[Q, bool]:
    """What the best of the indexes knows, and whether that is all that is wanted."""
    if wanted.client_reference:
        condition, known = Q(client_reference=wanted.client_reference), {"client_reference"}
    elif wanted.error is not None:
        condition = Q(status=Status.FAILED, error_code=wanted.error)
        known = {"error"} | ({"status"} if wanted.status == Status.FAILED else set())
    elif wanted.model and wanted.status in {"", Status.COMPLETED}:
        condition, known = Q(model=wanted.model), {"model"}
    elif wanted.status:
        condition, known = Q(status=wanted.status), {"status"}
    else:
        condition, known = Q(), set()
    return condition, _named(wanted) <= known


def _named(wanted: TaskSearch) -> set[str]:
    """What is asked for beyond a span of time."""
    values = {name: value for name, value in vars(wanted).items() if value not in ("", None, ())}
    return values.keys() - {"created_after", "created_before"}


def _compared(rows: TenantQuerySet[Task], wanted: TaskSearch) -> TenantQuerySet[Task]:
    """With every condition, whoever knows it."""
    plain = {
        "status": "" if wanted.status == OPEN else wanted.status,
        "model": wanted.model,
        "api_key": wanted.key_id,
        "service_mode": wanted.pool,
        "client_reference": wanted.client_reference,
        "error_code": wanted.error,
    }
    asked: dict[str, str | int] = {name: value for name, value in plain.items() if value}
    rows = rows.filter(**asked)
    if wanted.member_id is not None:
        keys = ApiKey.objects.across_workspaces().filter(created_by=wanted.member_id)
        rows = rows.filter(Q(created_by=wanted.member_id) | Q(api_key__in=keys.values("pk")))
    if wanted.cost_from is not None:
        rows = rows.filter(_costs("gte", wanted.cost_from))
    if wanted.cost_to is not None:
        rows = rows.filter(_costs("lte", wanted.cost_to))
    return _saying(rows, wanted.words)


def _costs(how: str, points: int) -> Q:
    ended = Q(status__in=FINAL, **{f"cost_points__{how}": points})
    return ended | Q(status__in=UNFINISHED, **{f"price_points__{how}": points})


def _saying(rows: TenantQuerySet[Task], words: Sequence[str]) -> TenantQuerySet[Task]:
    if not words:
        return rows
    fields = [KeyTextTransform(name, F("input")) for name in _SAID_IN]
    said = Func(Value(" "), *fields, function="concat_ws", output_field=TextField())
    for word in words:
        rows = rows.filter(IContains(said, word))
    return rows
