"""What was used of language models: by day, and by model or key."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.dashboard import charts, llm_nav
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest
from apps.llm.selectors import usage as selectors
from apps.llm.selectors.usage import SPLITS, Line, Split, Used
from apps.tasks.selectors import DaySpend

_SPANS = (1, 7, 30, 90)
_WORDS: dict[Split, str] = {"model": "model", "key": "API key"}
_PLAYGROUND = "dashboard"


@dataclass(frozen=True)
class _Asked:
    """The page's query string; what it does not know is the default."""

    days: int
    split: Split
    last: date

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.days - 1)

    def query(self, **more: object) -> str:
        return urlencode({"days": self.days, "by": self.split} | more)


@dataclass(frozen=True)
class _Row:
    """A line of the table; `calls` leads to what it counts."""

    name: str
    used: Used
    share: str
    calls: str


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def usage(request: DashboardRequest) -> HttpResponse:
    """A span of whole UTC days up to today, split one way."""
    asked = _asked(request)
    workspace_id = request.workspace.pk
    total = selectors.used(workspace_id=workspace_id, first=asked.first, last=asked.last)
    lines = selectors.used_by(
        workspace_id=workspace_id, first=asked.first, last=asked.last, split=asked.split
    )
    context = {
        "asked": asked,
        "tabs": llm_nav.tabs(request, "llm_usage"),
        "spans": [(span, _span_words(span), asked.query(days=span)) for span in _SPANS],
        "splits": [(split, f"By {_WORDS[split]}", asked.query(by=split)) for split in SPLITS],
        "split_word": _WORDS[asked.split],
        "total": total,
        "success": charts.percentage(total.answered, total.calls),
        "rows": [_row(line, total, asked) for line in lines],
        "spend": _chart(workspace_id, asked),
    }
    return render(request, "dashboard/llm/usage.html", context)


def _span_words(days: int) -> str:
    return "Today" if days == 1 else f"{days} days"


def _asked(request: DashboardRequest) -> _Asked:
    days, split = request.GET.get("days", ""), request.GET.get("by", "")
    return _Asked(
        days=next((span for span in _SPANS if str(span) == days), 30),
        split=next((one for one in SPLITS if one == split), "model"),
        last=datetime.now(UTC).date(),
    )


def _chart(workspace_id: int, asked: _Asked) -> charts.SpendByDay:
    days = selectors.used_of_days(
        workspace_id=workspace_id, first=asked.first, last=asked.last, split=asked.split
    )
    spends = [DaySpend(one.day, _called(one), one.used.points) for one in days if one.day]
    return charts.spend_by_day(spends, until=asked.last, days=asked.days)


def _row(line: Line, total: Used, asked: _Asked) -> _Row:
    which = {"model": line.name} if asked.split == "model" else {"key": line.key_id or _PLAYGROUND}
    query = {**which, "from": asked.first.isoformat(), "to": asked.last.isoformat()}
    return _Row(
        name=_called(line),
        used=line.used,
        share=charts.percentage(line.used.points, total.points),
        calls=urlencode(query),
    )


def _called(line: Line) -> str:
    """What was called without a key was called by a person at the playground."""
    return line.name or "chat in the dashboard"
