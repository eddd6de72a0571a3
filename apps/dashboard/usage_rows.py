"""The table of the usage page: each subject with what it came to, and the way to the tasks and calls behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from apps.dashboard.charts import percentage
from apps.dashboard.usage_figures import MEDIAN, SLOW, Figures, failures
from apps.dashboard.usage_query import Asked
from apps.llm.models import End
from apps.tasks.models import FailureCode, Outcome, Status
from apps.tasks.selectors.histogram import percentile
from apps.tasks.selectors.slices import Bins, Subject, Sums

MOST_ROWS = 50
# What the list of calls calls those that were made without a key.
_WITHOUT_KEY = "dashboard"
# What `Outcome` calls them, for whoever collects the texts that are translated.
_OUTCOME_WORDS = (
    gettext_noop("Completed"),
    gettext_noop("Cancelled"),
    gettext_noop("Refused by the provider’s rules"),
    gettext_noop("Out of time"),
    gettext_noop("Failed at the provider"),
    gettext_noop("No account could run it"),
    gettext_noop("Out of credits"),
    gettext_noop("Failed on our side"),
)
# Where one word of the lists means the same as ours; the others lead to all that failed.
_CODES = {
    Outcome.REFUSED: FailureCode.PROVIDER_MODERATED,
    Outcome.TIMED_OUT: FailureCode.PROVIDER_TIMEOUT,
    Outcome.NO_ACCOUNT: FailureCode.ACCOUNT_UNAVAILABLE,
    Outcome.OUR_FAULT: FailureCode.INTERNAL_ERROR,
}
_ENDS = {
    Outcome.REFUSED: End.REFUSED,
    Outcome.TIMED_OUT: End.TIMED_OUT,
    Outcome.OUT_OF_CREDITS: End.OUT_OF_CREDITS,
    Outcome.OUR_FAULT: End.GATEWAY_LOST,
}


@dataclass(frozen=True)
class Behind:
    """How many tasks or calls a cell counts, and the query string of the list that shows them; empty: no list can."""

    count: int
    query: str


@dataclass(frozen=True)
class Row:
    """`only` is the page's query string for this subject alone; times are milliseconds."""

    name: str
    only: str
    sums: Sums
    tasks: Behind
    calls: Behind
    failed_tasks: Behind
    failed_calls: Behind
    success: str
    p50: int | None
    p95: int | None
    share: str
    change: str


@dataclass(frozen=True)
class ErrorRow:
    """What failed in one way: of the time that was asked for, and of the one before."""

    name: str
    count: int
    before: int
    share: str
    tasks: Behind
    calls: Behind


def rows(figures: Figures) -> list[Row]:
    """Those that spent most; those that only did so before come last."""
    subjects = [
        *figures.by_subject,
        *(figures.by_subject_before.keys() - figures.by_subject.keys()),
    ]
    return [_row(figures, subject) for subject in subjects[:MOST_ROWS]]


def _row(figures: Figures, subject: Subject) -> Row:
    asked = figures.asked
    sums = figures.by_subject.get(subject, Sums())
    tasks, calls = (figures.is_call_sums(subject, is_call=is_call) for is_call in (False, True))
    bins: Bins = figures.times.by_subject.get(subject, Bins())
    return Row(
        name=figures.called(subject),
        only=asked.query(**{asked.split: subject}) if subject != "" else "",
        sums=sums,
        tasks=Behind(tasks.requests, _tasks(asked, subject)),
        calls=Behind(calls.requests, _calls(asked, subject)),
        failed_tasks=Behind(tasks.failed, _tasks(asked, subject, status=Status.FAILED.value)),
        failed_calls=Behind(calls.failed, ""),
        success=percentage(sums.completed, sums.judged),
        p50=percentile(bins, MEDIAN),
        p95=percentile(bins, SLOW),
        share=percentage(max(sums.net_points, 0), max(figures.total.net_points, 0)),
        change=change(figures.by_subject_before.get(subject, Sums()).net_points, sums.net_points),
    )


def error_rows(figures: Figures) -> list[ErrorRow]:
    """What failed most comes first."""
    now, past = failures(figures.total), failures(figures.total_before)
    kinds = sorted({*now, *past}, key=lambda one: (-now.get(one, 0), -past.get(one, 0), one))
    return [_error_row(figures, one, now, past) for one in kinds]


def _error_row(
    figures: Figures, kind: Outcome, now: Mapping[Outcome, int], past: Mapping[Outcome, int]
) -> ErrorRow:
    tasks, calls = (
        failures(figures.is_call_sums("", is_call=is_call)).get(kind, 0)
        for is_call in (False, True)
    )
    code = {"error": str(_CODES[kind].value)} if kind in _CODES else {}
    of_tasks = _tasks(figures.asked, None, status=Status.FAILED.value, **code)
    of_calls = _calls(figures.asked, None, end=_ENDS[kind].value) if kind in _ENDS else ""
    return ErrorRow(
        name=_(str(kind.label)),
        count=now.get(kind, 0),
        before=past.get(kind, 0),
        share=percentage(now.get(kind, 0), figures.total.judged),
        tasks=Behind(tasks, of_tasks),
        calls=Behind(calls, of_calls),
    )


def change(was: int, now: int) -> str:
    """Such as "+25 %"; "new" where there was nothing, empty where there is nothing to compare."""
    if was <= 0:
        return pgettext("an amount that was none before", "new") if now > 0 else ""
    percent = Decimal((now - was) * 100) / was
    return f"{percent.quantize(Decimal(1), ROUND_HALF_UP):+} %".replace("-", "−")


def _tasks(asked: Asked, subject: Subject | None, **more: str) -> str:
    """For the list of tasks; it knows nobody by the number 0."""
    wanted = _wanted(asked, subject) | more
    if any(wanted.get(name) == "0" for name in ("key", "member")) or wanted.get("model") == "":
        return ""
    return urlencode(wanted | _days(asked))


def _calls(asked: Asked, subject: Subject | None, **more: str) -> str:
    """For the list of calls, which knows no persons and no pools."""
    wanted = _wanted(asked, subject) | more
    if wanted.keys() & {"member", "pool"} or wanted.get("model") == "":
        return ""
    if wanted.get("key") == "0":
        wanted["key"] = _WITHOUT_KEY
    return urlencode(wanted | _days(asked))


def _wanted(asked: Asked, subject: Subject | None) -> dict[str, str]:
    found = dict(asked.filters)
    if subject is not None and asked.split != "error":
        found[asked.split] = str(subject)
    return found


def _days(asked: Asked) -> dict[str, str]:
    """The UTC days that the time touches, which is what lists go by."""
    last = asked.span.end - timedelta(microseconds=1)
    return {"from": _utc_day(asked.span.start), "to": _utc_day(last)}


def _utc_day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
