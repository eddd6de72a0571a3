"""Is it working, and how well did it lately: for people and for their monitors."""

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.notifications.models import Announcement
from apps.site import news_bars, news_status
from apps.site.news_status import DAYS, LEAST_TASKS, Health, Report, Sums
from apps.site.words import row


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    report = news_status.report()
    others = [one for one in report.families if not one.is_offered]
    return render(
        request,
        "site/status/status.html",
        {
            "report": report,
            "lines": [news_bars.line(one) for one in report.families if one.is_offered],
            "others": others,
            "other_titles": row([one.title for one in others]),
            # In full below: the strip would only say it twice.
            "has_announcements": bool(report.open),
            **news_bars.terms(),
        },
    )


@require_safe
def status_of_family(request: HttpRequest, family: str) -> HttpResponse:
    """The same of one family, day by day."""
    report = news_status.report()
    found = next((one for one in report.families if one.family == family), None)
    if found is None:
        raise Http404
    days = [(day, sums) for day, sums in reversed(found.days) if sums.is_enough]
    concerning = [one for one in report.announcements if one.family in ("", family)]
    return render(
        request,
        "site/status/family.html",
        {
            "line": news_bars.line(found),
            "days": days,
            "report": Report(report.now, report.families, concerning),
            **news_bars.terms(),
        },
    )


@require_safe
@cache_control(max_age=30, public=True)
def status_json(request: HttpRequest) -> JsonResponse:
    """What the page says, in English. Anybody's page may read it: there is nothing of anybody's in it."""
    with translation.override("en"):
        body = _body(news_status.report())
    return JsonResponse(body, headers={"Access-Control-Allow-Origin": "*"})


def _body(report: Report) -> dict[str, Any]:
    return {
        "updated_at": report.now.isoformat(timespec="seconds"),
        "headline": report.headline,
        "days": DAYS,
        "least_tasks_per_day": LEAST_TASKS,
        "families": [_family(one) for one in report.families],
        "announcements": [_announcement(one, report) for one in report.announcements],
    }


def _family(one: Health) -> dict[str, Any]:
    return {
        "family": one.family,
        "title": one.title,
        "status": one.word,
        **_sums(one.total),
        "by_day": [_day(day, sums) for day, sums in one.days],
    }


def _day(day: date, sums: Sums) -> dict[str, Any]:
    return {"day": day.isoformat(), **_sums(sums)}


def _sums(sums: Sums) -> dict[str, Any]:
    return {"success": sums.success, "p50_ms": sums.p50_ms, "p95_ms": sums.p95_ms}


def _announcement(one: Announcement, report: Report) -> dict[str, Any]:
    state = "open" if one.holds(report.now) else "ahead" if one.is_ahead(report.now) else "over"
    return {
        "id": one.pk,
        "kind": one.kind,
        "state": state,
        "family": one.family or None,
        "title": one.title,
        "text": one.text,
        "starts_at": one.starts_at.isoformat(),
        "over_at": one.over_at and one.over_at.isoformat(),
    }
