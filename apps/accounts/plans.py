"""What each plan includes today, and what those who bought earlier still have.

Until the operator publishes a version of a plan, its built-in terms (`policies.PLAN_TERMS`) hold; the first purchase
writes them down as version 1. A workspace with a `plan_version` keeps that one, every other has the newest. The few
rows are kept in each process and forgotten when PostgreSQL tells of a change; see `selectors`.
"""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from apps.accounts.models import Plan, PlanVersion, User, Workspace
from apps.accounts.policies import PLAN_TERMS, Feature, PlanTerms
from apps.core.errors import InvalidRequest

_BELIEVED_SECONDS = 0.9
_BELIEVED_WHILE_LISTENING_SECONDS = 60.0
_MAX_POINTS = 10**12  # $100,000 a month


@dataclass(frozen=True)
class _Book:
    """All versions: by id with their plan, and the newest of each plan that has one."""

    by_id: dict[int, tuple[str, PlanTerms]]
    newest: dict[str, PlanTerms]
    read_at: float


_book: _Book | None = None
_lock = threading.Lock()
_changes = itertools.count(1)
_last_change = 0
_hears: Callable[[], bool] | None = None


def heard_by(hears: Callable[[], bool]) -> None:
    """Say how to find out whether `forget` is called when something changes."""
    global _hears
    _hears = hears


def forget() -> None:
    """Read the versions again: one was published."""
    global _book, _last_change
    with _lock:
        _last_change = next(_changes)
        _book = None


def terms_of(*, plan: str, plan_version_id: int | None) -> PlanTerms:
    """The terms of a workspace. A version of another plan than the one it is on counts for nothing."""
    book = _current_book()
    bought = book.by_id.get(plan_version_id) if plan_version_id is not None else None
    if bought is not None and bought[0] == plan:
        return bought[1]
    return book.newest.get(plan) or _built_in(plan)


def terms_of_workspace(workspace: Workspace) -> PlanTerms:
    return terms_of(plan=workspace.plan, plan_version_id=workspace.plan_version_id)


def concurrent_tasks(*, plan: str, plan_version_id: int | None, override: int | None) -> int:
    """Tasks of one family that may be under way at once."""
    if override is not None:
        return override
    return terms_of(plan=plan, plan_version_id=plan_version_id).concurrent_tasks


@dataclass(frozen=True)
class Share:
    """The weight of a plan where workspaces queue: of one version, or with None of its newest terms."""

    plan: str
    version: int | None
    weight: int


def shares() -> list[Share]:
    """All weights a workspace can have."""
    book = _current_book()
    newest = [
        Share(str(plan), None, (book.newest.get(plan) or terms).share)
        for plan, terms in PLAN_TERMS.items()
    ]
    bought = [Share(plan, version, terms.share) for version, (plan, terms) in book.by_id.items()]
    return newest + bought


def _built_in(plan: str) -> PlanTerms:
    return replace(PLAN_TERMS[plan], staged_tasks=settings.STAGED_TASKS)


def _current_book() -> _Book:
    global _book
    book = _book
    if book is not None and _is_believed(book):
        return book
    change = _last_change
    book = _read()
    with _lock:
        # Heard of a change since we asked? Then the answer may be older than the change.
        if change == _last_change:
            _book = book
    return book


def _is_believed(book: _Book) -> bool:
    is_told = _hears is not None and _hears()
    seconds = _BELIEVED_WHILE_LISTENING_SECONDS if is_told else _BELIEVED_SECONDS
    return time.monotonic() < book.read_at + seconds


def _read() -> _Book:
    read_at = time.monotonic()
    by_id: dict[int, tuple[str, PlanTerms]] = {}
    newest: dict[str, PlanTerms] = {}
    for row in PlanVersion.objects.order_by("plan", "version"):
        terms = terms_of_version(row)
        by_id[row.pk] = (row.plan, terms)
        newest[row.plan] = terms
    return _Book(by_id, newest, read_at)


def terms_of_version(row: PlanVersion) -> PlanTerms:
    """The terms a row holds. How plans rank among each other is not for sale."""
    return PlanTerms(
        rank=PLAN_TERMS[row.plan].rank,
        share=row.share,
        concurrent_tasks=row.concurrent_tasks,
        retention_days=row.retention_days,
        staged_tasks=row.staged_tasks,
        price_points=row.price_points,
        monthly_credit_points=row.monthly_credit_points,
        referral_cap=row.referral_cap,
        features=frozenset(row.features),
    )


def newest_terms(*, plan: str) -> PlanTerms:
    """What a customer who comes today gets."""
    return terms_of(plan=plan, plan_version_id=None)


def current(*, plan: str) -> PlanVersion:
    """The newest version as a row; the built-in terms become version 1 when there is none yet."""
    newest = _newest(plan)
    if newest is not None:
        return newest
    row, made = PlanVersion.objects.get_or_create(
        plan=plan, version=1, defaults={**_columns(_built_in(plan)), "note": "As installed"}
    )
    if made:
        transaction.on_commit(forget)
        return row
    return _newest(plan) or row


def _newest(plan: str) -> PlanVersion | None:
    return PlanVersion.objects.filter(plan=plan).order_by("-version").first()


@transaction.atomic
def publish(*, plan: str, terms: PlanTerms, actor: User | None, note: str) -> PlanVersion:
    """Sell these terms from now on. Who has bought the plan keeps what was bought. Raises InvalidRequest.

    Two operators at once make two versions, the later on top. `terms.rank` is ignored.
    """
    check(plan=plan, terms=terms, note=note)
    # The lock on version 1 makes the number below the next one until we commit.
    current(plan=plan)
    PlanVersion.objects.select_for_update().get(plan=plan, version=1)
    last = PlanVersion.objects.filter(plan=plan).aggregate(last=Max("version"))["last"]
    row = PlanVersion.objects.create(
        plan=plan,
        version=last + 1,
        note=note.strip()[:200],
        created_by=actor,
        **_columns(terms),
    )
    transaction.on_commit(forget)
    return row


def _columns(terms: PlanTerms) -> dict[str, int | list[str]]:
    return {
        "price_points": terms.price_points,
        "monthly_credit_points": terms.monthly_credit_points,
        "share": terms.share,
        "concurrent_tasks": terms.concurrent_tasks,
        "staged_tasks": terms.staged_tasks,
        "retention_days": terms.retention_days,
        "referral_cap": terms.referral_cap,
        "features": [str(feature) for feature in Feature if feature in terms.features],
    }


def check(*, plan: str, terms: PlanTerms, note: str) -> None:
    """Raises InvalidRequest for terms that cannot be sold."""
    if plan not in Plan.values:
        raise InvalidRequest.field("plan", "There is no such plan.")
    if not note.strip():
        raise InvalidRequest.field("note", "Say what changes and why.")
    if plan == Plan.HOBBYIST and terms.price_points:
        raise InvalidRequest.field("price_points", "The plan everybody starts with costs nothing.")
    if plan != Plan.HOBBYIST and terms.price_points < 5_000_000:
        raise InvalidRequest.field("price_points", "A paid plan costs at least $0.50.")
    if terms.price_points % 100_000:
        raise InvalidRequest.field("price_points", "A price is a whole number of cents.")
    unknown = sorted(set(terms.features) - set(Feature))
    if unknown:
        raise InvalidRequest.field("features", f"There is no feature {unknown[0]}.")
    _check_ranges(terms)


def _check_ranges(terms: PlanTerms) -> None:
    ranges: Sequence[tuple[str, int, int, int]] = (
        ("price_points", terms.price_points, 0, _MAX_POINTS),
        ("monthly_credit_points", terms.monthly_credit_points, 0, _MAX_POINTS),
        ("share", terms.share, 1, 100),
        ("concurrent_tasks", terms.concurrent_tasks, 1, 10_000),
        ("staged_tasks", terms.staged_tasks, 0, 100_000),
        ("retention_days", terms.retention_days, 1, 3650),
        ("referral_cap", terms.referral_cap, 0, 1_000_000),
    )
    for name, value, least, most in ranges:
        if not least <= value <= most:
            raise InvalidRequest.field(name, f"This must lie between {least} and {most:,}.")
