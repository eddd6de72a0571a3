"""Prices for everybody: a calculator, the plans, every rate as page and as table for spreadsheets, and the rules."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.accounts.models import Plan
from apps.catalog.llm.model import LlmModel
from apps.core.money import POINTS_PER_USD
from apps.core.tables import csv_lines
from apps.site.catalogue import entries
from apps.site.catalogue.entries import Entry
from apps.site.catalogue.forms import Calculator
from apps.site.catalogue.kinds import KINDS
from apps.site.catalogue.plans import plans_now
from apps.site.http import SiteRequest
from apps.site.words import row
from apps.tasks.services import penalties

_LONGEST_SEARCH = 100
_CSV_HEADER = ("kind", "model", "task_type", "title", "rate", "unit", "usd", "plan", "state")


@require_safe
@vary_on_headers("HX-Request")
def pricing(request: SiteRequest) -> HttpResponse:
    """The page; htmx asks for the calculator or the table alone, whichever it is to replace."""
    everything = entries.all_entries()
    if request.htmx and request.htmx.target == "prices":
        return render(request, "site/pricing/_table.html", _table(request, everything))
    calculator = _calculator(request, everything)
    if request.htmx:
        return render(request, "site/pricing/_calculator.html", calculator)
    context = calculator | _table(request, everything) | _rules()
    return render(request, "site/pricing/page.html", context)


def _calculator(request: SiteRequest, everything: list[Entry]) -> dict[str, Any]:
    """What was asked for, or the first model that can be called."""
    asked = request.GET.get("what", "")
    priced = [one for one in everything if one.tag is not None]
    entry = next((one for one in everything if _what(one) == asked), None)
    is_unknown = bool(asked) and entry is None
    entry = entry or next((one for one in priced if one.is_callable), priced[0])
    form = Calculator(request.GET, entry=entry)
    return {
        "entry": entry,
        "what": _what(entry),
        "is_unknown": is_unknown,
        "groups": [
            (kind.word, [(_what(one), one.title) for one in priced if one.kind == kind])
            for kind in KINDS.values()
        ],
        "form": form,
        "month": form.month(),
    }


def _what(entry: Entry) -> str:
    return entry.name if isinstance(entry.thing, LlmModel) else "/".join(entry.thing.name)


def _table(request: SiteRequest, everything: list[Entry]) -> dict[str, Any]:
    words = request.GET.get("q", "")[:_LONGEST_SEARCH]
    found = entries.matching(everything, words=words)
    return {"found": entries.in_order(found, by="name"), "total": len(everything), "words": words}


def _rules() -> dict[str, Any]:
    return {
        "plans": plans_now(),
        "grant_points": settings.SIGNUP_GRANT_POINTS,
        "topup_min": settings.TOPUP_MIN_POINTS,
        "expire_days": settings.CREDITS_EXPIRE_DAYS,
        "warning_days": settings.EXPIRY_WARNING_DAYS,
        "waiting_hours": settings.TASK_WAITING_HOURS,
        "incorrect": penalties.INCORRECT[Plan.DEVELOPER],
        "incorrect_free": penalties.INCORRECT[Plan.HOBBYIST],
        "relax_words": row([f"{penalties.RELAX[plan]:,} ({plan.label})" for plan in Plan]),
        "grace_days": settings.DUNNING_DAYS[-1],
    }


@require_safe
def pricing_csv(request: SiteRequest) -> StreamingHttpResponse:
    """Every rate as raw decimals; a plan that pays something else has a line of its own."""
    words = request.GET.get("q", "")[:_LONGEST_SEARCH]
    # A table for programs: it reads the same to everybody.
    with translation.override("en"):
        found = entries.matching(entries.all_entries(), words=words)
    rows = _csv_rows(found)
    answer = StreamingHttpResponse(
        csv_lines(header=_CSV_HEADER, rows=rows), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="pricing.csv"'
    return answer


def _csv_rows(found: list[Entry]) -> Iterator[tuple[Any, ...]]:
    for one in found:
        task_type = "" if isinstance(one.thing, LlmModel) else one.thing.task_type
        model = one.name if isinstance(one.thing, LlmModel) else one.thing.model
        start = (one.kind.value, model, task_type, one.title)
        for rate in one.rates:
            yield (*start, rate.name, rate.unit, _usd(rate.points), "", one.state.value)
            for plan, points in rate.others:
                yield (*start, rate.name, rate.unit, _usd(points), plan, one.state.value)
        if not one.rates:
            yield (*start, "", "", None, "", one.state.value)


def _usd(points: Decimal) -> Decimal:
    return (points / POINTS_PER_USD).normalize()
