"""The log of calls: the list, one call, and what one came to."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.accounts.selectors import newest_keys
from apps.core.errors import NotFound
from apps.core.money import format_usd, usd
from apps.dashboard import llm_nav, llm_story
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed, missing
from apps.llm.models import End, Usage
from apps.llm.selectors import log
from apps.llm.selectors.breakdown import breakdown
from apps.llm.selectors.log import CallFilter
from apps.llm.selectors.usage import models_used

_PAGE = 50
_MODEL_DAYS = 90
# In place of a key: what people called at the playground.
PLAYGROUND = "dashboard"
_HIGHEST_ID = 2**63 - 1


@dataclass(frozen=True)
class _Asked:
    """A list page's query string; what it does not understand counts as empty."""

    model: str
    key: str
    end: str
    first: date | None
    last: date | None
    before: int | None

    @property
    def filter(self) -> CallFilter:
        return CallFilter(
            model=self.model,
            key_id=int(self.key) if self.key.isdigit() else None,
            is_by_person=self.key == PLAYGROUND,
            end=self.end,
            since=_midnight(self.first) if self.first else None,
            until=_midnight(self.last) + timedelta(days=1) if self.last else None,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.model or self.key or self.end or self.first or self.last)

    def query(self, **more: object) -> str:
        wanted = {
            "model": self.model,
            "key": self.key,
            "end": self.end,
            "from": self.first or "",
            "to": self.last or "",
        }
        return urlencode({name: value for name, value in (wanted | more).items() if value})


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def call_list(request: DashboardRequest) -> HttpResponse:
    """Newest first, 50 a page; a call stands there with its last attempt."""
    asked = _asked(request)
    workspace_id = request.workspace.pk
    page = log.newest_calls(
        workspace_id=workspace_id, limit=_PAGE, filter=asked.filter, before=asked.before
    )
    since = datetime.now(UTC).date() - timedelta(days=_MODEL_DAYS)
    context = {
        "asked": asked,
        "tabs": llm_nav.tabs(request, "llm_calls"),
        "lines": [(one, llm_story.tone(one.end)) for one in page.items],
        "older": asked.query(before=page.next) if page.next else "",
        "newest": asked.query(),
        "models": models_used(workspace_id=workspace_id, first=since),
        "keys": newest_keys(workspace_id=workspace_id),
        "ends": End.choices,
        "playground": PLAYGROUND,
    }
    return render(request, "dashboard/llm/calls.html", context)


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def call_detail(request: DashboardRequest, call_id: uuid.UUID) -> HttpResponse:
    """One call: how it ended, what it cost and why, who was tried, and what was said if that is kept."""
    attempts = _attempts(request, call_id)
    last = attempts[-1]
    sees_content = allowed(request, Permission.VIEW_CONTENT)
    kept = sees_content and log.content_of(
        workspace_id=request.workspace.pk, call_id=call_id, now=timezone.now()
    )
    context = {
        "call": last,
        "headline": llm_story.headline(last, attempts),
        "tone": llm_story.tone(last.end),
        "attempts": [
            llm_story.shown(one, workspace_id=request.workspace.pk, is_staff=request.user.is_staff)
            for one in attempts
        ],
        "cost": llm_story.cost(breakdown(last)),
        "sees_content": sees_content,
        "kept": kept or None,
    }
    return render(request, "dashboard/llm/call.html", context)


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def call_cost(request: DashboardRequest, call_id: uuid.UUID) -> JsonResponse:
    """For the playground: what a stream came to whose end it did not see."""
    last = _attempts(request, call_id)[-1]
    return JsonResponse(
        {
            "end": last.end,
            "cost_points": last.points,
            "cost_usd": f"{usd(last.points).normalize():f}",
            "cost": format_usd(last.points),
            "prompt_tokens": last.input_tokens,
            "completion_tokens": last.output_tokens,
            "total_ms": last.total_ms,
        }
    )


def _attempts(request: DashboardRequest, call_id: uuid.UUID) -> list[Usage]:
    try:
        return log.attempts_of(workspace_id=request.workspace.pk, call_id=call_id)
    except NotFound as error:
        missing(error)


def _asked(request: DashboardRequest) -> _Asked:
    key, end = request.GET.get("key", ""), request.GET.get("end", "")
    return _Asked(
        model=request.GET.get("model", "")[:100].replace("\0", ""),
        key=key if key == PLAYGROUND or _number(key) else "",
        end=end if end in End.values else "",
        first=_day(request.GET.get("from", "")),
        last=_day(request.GET.get("to", "")),
        before=_number(request.GET.get("before", "")),
    )


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 19
    return int(text) if is_number and 0 < int(text) <= _HIGHEST_ID else None


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    # A day after the last is none that a bound can be made of.
    return found if found is not None and 2000 <= found.year < 2200 else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
