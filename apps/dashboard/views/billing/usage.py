"""Where the money goes: spend by day and model, key or person."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.billing.selectors import budgets
from apps.core.money import usd
from apps.dashboard import charts, downloads
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest
from apps.tasks import selectors
from apps.tasks.selectors import SPLITS, DaySpend, Ended, Line, Split

_SPANS = (7, 30, 90)
# Longer than this nobody plans, and the pace will not hold.
_LONG_DAYS = 365
_Spent = dict[tuple[str, int | None], Ended]
_WORDS: dict[Split, str] = {"model": "model", "key": "API key", "member": "person"}


@dataclass(frozen=True)
class _Asked:
    """The page's query string; what it does not know is the default."""

    days: int
    split: Split
    last: date

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.days - 1)

    @property
    def before(self) -> tuple[date, date]:
        """As many days, right before."""
        return self.first - timedelta(days=self.days), self.first - timedelta(days=1)

    def query(self, **more: object) -> str:
        return urlencode({"days": self.days, "by": self.split} | more)


@dataclass(frozen=True)
class _Row:
    name: str
    ended: Ended
    before: Ended
    share: str

    @property
    def change(self) -> str:
        """Against the days before, such as "+25 %"; empty where there is nothing to compare with."""
        was, now = self.before.net_points, self.ended.net_points
        if was <= 0:
            return "new" if now > 0 else ""
        percent = Decimal((now - was) * 100) / was
        return f"{percent.quantize(Decimal(1), ROUND_HALF_UP):+} %".replace("-", "−")


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def usage(request: DashboardRequest) -> HttpResponse:
    """A span of whole UTC days up to today, split one way, next to the same span before."""
    asked = _asked(request)
    workspace_id = request.workspace.pk
    first, last = asked.before
    now = _by_subject(request, asked.split, asked.first, asked.last)
    before = _by_subject(request, asked.split, first, last)
    total = selectors.spend(workspace_id=workspace_id, first=asked.first, last=asked.last)
    context = {
        "asked": asked,
        "spans": [(days, f"{days} days", asked.query(days=days)) for days in _SPANS],
        "splits": [(split, f"By {_WORDS[split]}", asked.query(by=split)) for split in SPLITS],
        "split_word": _WORDS[asked.split],
        "rows": _rows(now, before, total),
        "total": _Row(
            "All",
            total,
            selectors.spend(workspace_id=workspace_id, first=first, last=last),
            "",
        ),
        "success": charts.percentage(total.completed, total.completed + total.failed),
        "spend": _chart(request, asked),
        "lasts": _lasts(budgets.days_left(workspace_id=workspace_id)),
        "query": asked.query(),
    }
    return render(request, "dashboard/billing/usage.html", context)


def _lasts(days: int | None) -> str:
    if days is None:
        return "–"
    if days > _LONG_DAYS:
        return "over a year"
    return f"{days} day{'' if days == 1 else 's'}"


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def usage_csv(request: DashboardRequest) -> StreamingHttpResponse:
    """The span day by day. Amounts are raw decimals in US dollars, as exact as the ledger."""
    asked = _asked(request)
    lines = selectors.spend_of_days(
        workspace_id=request.workspace.pk, first=asked.first, last=asked.last, split=asked.split
    )
    return downloads.csv_file(
        name=f"usage-{request.workspace.slug}-{asked.first}-{asked.last}.csv",
        header=(
            "day", asked.split, "completed", "failed", "cancelled", "charged_usd", "refunded_usd", "net_usd",
            "run_seconds",
        ),
        rows=map(_csv_row, lines),
    )  # fmt: skip


def _csv_row(line: Line) -> tuple[object, ...]:
    ended = line.ended
    return (
        line.day,
        _called(line.name, line.subject_id),
        ended.completed,
        ended.failed,
        ended.cancelled,
        usd(ended.charged_points),
        usd(ended.refunded_points),
        usd(ended.net_points),
        Decimal(ended.run_ms) / 1000,
    )


def _asked(request: DashboardRequest) -> _Asked:
    days, split = request.GET.get("days", ""), request.GET.get("by", "")
    return _Asked(
        days=next((span for span in _SPANS if str(span) == days), 30),
        split=next((one for one in SPLITS if one == split), "model"),
        last=datetime.now(UTC).date(),
    )


def _by_subject(request: DashboardRequest, split: Split, first: date, last: date) -> _Spent:
    lines = selectors.spend_by(
        workspace_id=request.workspace.pk, first=first, last=last, split=split
    )
    return {(line.name, line.subject_id): line.ended for line in lines}


def _rows(now: _Spent, before: _Spent, total: Ended) -> list[_Row]:
    """Who spent most first; those that only spent in the days before come last."""
    gone = {subject: Ended() for subject in before if subject not in now}
    return [
        _Row(
            name=_called(*subject),
            ended=ended,
            before=before.get(subject, Ended()),
            share=charts.percentage(max(ended.net_points, 0), max(total.net_points, 0)),
        )
        for subject, ended in (now | gone).items()
    ]


def _chart(request: DashboardRequest, asked: _Asked) -> charts.SpendByDay:
    lines = selectors.spend_of_days(
        workspace_id=request.workspace.pk, first=asked.first, last=asked.last, split=asked.split
    )
    spends = [
        DaySpend(line.day, _called(line.name, line.subject_id), line.ended.net_points)
        for line in lines
        if line.day is not None
    ]
    return charts.spend_by_day(spends, until=asked.last, days=asked.days)


def _called(name: str, subject_id: int | None) -> str:
    """A person who is gone has only a number left."""
    return name or (f"#{subject_id}" if subject_id is not None else "without one")
