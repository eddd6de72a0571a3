"""Usage: what tasks and calls of a time came to, how well and how fast they went, split one way."""

from collections import Counter
from collections.abc import Iterator

from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.billing.selectors import budgets
from apps.core.money import usd
from apps.dashboard import downloads, usage_charts, usage_rows
from apps.dashboard.charts import percentage
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, money_of
from apps.dashboard.usage_figures import MEDIAN, SLOW, Figures, figures
from apps.dashboard.usage_query import (
    RANGES,
    SPLIT_TITLES,
    SPLIT_WORDS,
    Asked,
    asked,
    called,
    chips,
    from_old,
)
from apps.tasks.models import Outcome
from apps.tasks.selectors import slices
from apps.tasks.selectors.histogram import percentile
from apps.tasks.selectors.slices import Bins, Cell

# Longer than this nobody plans, and the pace will not hold.
_LONG_DAYS = 365


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def usage(request: DashboardRequest) -> HttpResponse:
    """A time next to the one before: cards, charts with their tables, and a table of the split."""
    wanted = asked(request.GET)
    found = figures(request.workspace.pk, wanted)
    context = {
        "asked": wanted,
        "found": found,
        "ranges": _ranges(wanted),
        "splits": [
            (split, _(title), wanted.query(by=split)) for split, title in SPLIT_TITLES.items()
        ],
        "split_title": _(SPLIT_TITLES[wanted.split]),
        "split_word": SPLIT_WORDS[wanted.split],
        "chips": chips(wanted, keys=found.keys, members=found.members),
        "query": wanted.query(),
        "cards": _cards(found),
        "lasts": _lasts(_days_left(request)),
        **_table(found),
    }
    return render(request, "dashboard/usage/page.html", context)


def _ranges(wanted: Asked) -> list[tuple[str, str, str]]:
    return [
        (name, _(words), wanted.query(**{"range": name, "from": None, "to": None}))
        for name, words in RANGES.items()
    ]


def _cards(found: Figures) -> dict[str, object]:
    """What stands large, and what it was before."""
    now, past = found.total, found.total_before
    return {
        "is_new": not now.requests and not past.requests and not now.net_points,
        "change": usage_rows.change(past.net_points, now.net_points),
        "change_requests": usage_rows.change(past.requests, now.requests),
        "success": percentage(now.completed, now.judged),
        "success_before": percentage(past.completed, past.judged),
        "p50": found.percentile(MEDIAN),
        "p50_before": found.percentile_before(MEDIAN),
        "p95": found.percentile(SLOW),
        "p95_before": found.percentile_before(SLOW),
        "queue": percentile(found.times.queue, MEDIAN),
        "first": percentile(found.times.first, MEDIAN),
    }


def _table(found: Figures) -> dict[str, object]:
    if found.cells == []:
        return {"charts": [], "rows": [], "errors": []}
    is_by_error = found.asked.split == "error"
    subjects = {*found.by_subject, *found.by_subject_before}
    return {
        "charts": usage_charts.all_of(found),
        "rows": [] if is_by_error else usage_rows.rows(found),
        "errors": usage_rows.error_rows(found) if is_by_error else [],
        "left_out": 0 if is_by_error else max(len(subjects) - usage_rows.MOST_ROWS, 0),
    }


def _days_left(request: DashboardRequest) -> int | None:
    pace = budgets.pace(workspace_id=request.workspace.pk)
    return pace.days(money_of(request).wallet.available)


def _lasts(days: int | None) -> str:
    if days is None:
        return ""
    if days > _LONG_DAYS:
        return _("over a year")
    return ngettext("{count} day", "{count} days", days).format(count=days)


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def usage_csv(request: DashboardRequest) -> StreamingHttpResponse:
    """The time step by step. Amounts are raw decimals in US dollars, as exact as the ledger; times ISO 8601."""
    wanted = asked(request.GET)
    by = wanted.split if wanted.split != "error" else "all"
    return downloads.csv_file(
        name=f"usage-{request.workspace.slug}-{wanted.span.start:%Y-%m-%d}-{wanted.last}.csv",
        header=(
            "starts_at", by, f"{by}_id", "kind", "requests", *(one.value for one in Outcome), "charged_usd",
            "refunded_usd", "net_usd", "tokens_in", "tokens_out", "p50_seconds", "p95_seconds",
        ),
        rows=_csv_rows(request.workspace.pk, wanted),
    )  # fmt: skip


def _csv_rows(workspace_id: int, wanted: Asked) -> Iterator[tuple[object, ...]]:
    """Tasks and calls of a subject have a line each; their times are of both together and stand on the first."""
    scope = {"workspace_id": workspace_id, "span": wanted.span, "split": wanted.split}
    cells = slices.cells(filter=wanted.filter, **scope)  # type: ignore[arg-type]
    times = slices.times_of_cells(filter=wanted.filter, **scope)  # type: ignore[arg-type]
    ids = {cell.subject for cell in cells if isinstance(cell.subject, int)}
    is_key, is_member = wanted.split == "key", wanted.split == "member"
    names = {
        "keys": slices.key_names(workspace_id=workspace_id, ids=ids) if is_key else {},
        "members": slices.member_names(workspace_id=workspace_id, ids=ids) if is_member else {},
    }
    for cell in cells:
        name = "" if wanted.split == "error" else called(wanted.split, cell.subject, **names)
        yield _csv_row(cell, name, times.pop((cell.starts_at, cell.subject), Counter()))


def _csv_row(cell: Cell, name: str, bins: Bins) -> tuple[object, ...]:
    sums = cell.sums
    return (
        cell.starts_at.isoformat(),
        name,
        cell.subject,
        "call" if cell.is_call else "task",
        sums.requests,
        *(getattr(sums, one.value) for one in Outcome),
        usd(sums.charged_points),
        usd(sums.refunded_points),
        usd(sums.net_points),
        sums.tokens_in,
        sums.tokens_out,
        *(_seconds(percentile(bins, share)) for share in (MEDIAN, SLOW)),
    )


def _seconds(count: int | None) -> object:
    return "" if count is None else count / 1000


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def moved(request: DashboardRequest) -> HttpResponseRedirect:
    """The pages of spend and of language models' usage became this one; their links still lead to what they showed."""
    name = "usage_csv" if request.path.endswith(".csv") else "usage"
    query = from_old(request.GET)
    path = reverse(f"dashboard:{name}", args=[request.workspace.slug])
    return HttpResponseRedirect(f"{path}?{query}" if query else path)
