"""Where a new Midjourney task goes, rule by rule: accounts, settings and the speed asked for, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.core.errors import DomainError
from apps.ops import audit
from apps.tasks.services.dispatch import dispatch
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, change, operators, private
from tests.tasks.own.helpers import as_of_now, midjourney, place, refusal, today, yesterday

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
_HOUR = timedelta(hours=1)
NO_SEAT, NO_ROUTE, NO_CREDITS, PLAN, MISSING, BAD = (
    "403/10301", "503/10800", "402/10200", "403/10300", "404/10400", "400/10000",
)  # fmt: skip
PENDING = "pending"

Fields = Mapping[str, Any]
GOOD: Fields = {}
SLOW: Fields = {"mode": "relax"}
# Its fast hours are used up, so its setting became relax.
SPENT: Fields = {"is_out_of_fast": True, "mode": "relax", "fast_hours": 0}
BASIC: Fields = {"plan": "basic", "has_relax": False}
PAUSED: Fields = {"is_paused": True}
BACKUP: Fields = {"is_backup": True}
CAPPED: Fields = {"daily_cap": 5, "day": today, "day_count": 5}
FULL: Fields = {"slots": 1}
SEATLESS: Fields = {"seat_ended_at": NOW - _HOUR}
# The whole suite may take an hour from NOW on.
RESTING: Fields = {"status": "cooling", "resume_at": NOW + 12 * _HOUR}
CHECKED: Fields = {"status": "checking", "resume_at": NOW + 12 * _HOUR}


def _at(hours: float) -> Any:
    return (NOW + hours * _HOUR).time().replace(microsecond=0)


INSIDE: Fields = {"active_from": _at(-1), "active_to": _at(2)}
OUTSIDE: Fields = {"active_from": _at(3), "active_to": _at(6)}


def banned(hours: float | None = None) -> Fields:
    return {"status": "banned", "block_until": None if hours is None else NOW + hours * _HOUR}


def parked(status: str) -> Fields:
    return {"status": status}


@dataclass(frozen=True)
class Row:
    """Accounts by label, the request, and where its tasks are expected: all places that they take, or a refusal."""

    rule: str
    accounts: Mapping[str, Fields]
    expected: Sequence[str]
    mode: str = ""
    service_mode: str = ""
    prompt: str = "a cat"
    plan: str = "premium"
    is_private: bool = True
    failover: bool = False
    points: int = 10_000_000
    seats: int = 20
    has_public: bool = True
    bot: str = ""
    tasks: int = 4
    more: Fields = field(default_factory=dict)


def both(first: Fields, second: Fields) -> Fields:
    return {**first, **second}


ROWS = [
    # ------------------------------------------------- 1: fast and turbo
    Row("any with fast hours", {"A": GOOD, "B": GOOD}, ["A fast", "B fast"], "fast"),
    Row("turbo likewise", {"A": GOOD, "B": GOOD}, ["A turbo", "B turbo"], "turbo"),
    Row("one has fast hours", {"A": SPENT, "B": GOOD}, ["B fast"], "fast"),
    Row("one has fast hours, turbo", {"A": SPENT, "B": GOOD}, ["B turbo"], "turbo"),
    Row("none: as relax on any", {"A": SPENT, "B": SPENT}, ["A relax", "B relax"], "fast"),
    Row("none: turbo as relax", {"A": SPENT, "B": SPENT}, ["A relax", "B relax"], "turbo"),
    Row("none: relax not on Basic", {"A": both(BASIC, SPENT), "B": SPENT}, ["B relax"], "fast"),
    Row("none, and only Basic", {"A": both(BASIC, SPENT)}, [NO_ROUTE], "fast"),
    Row("Basic has fast hours", {"A": BASIC}, ["A fast"], "fast"),
    Row("fast full, relax idle: waits", {"A": FULL, "B": SLOW}, ["A fast", PENDING], "fast"),
    Row("fast capped, relax idle", {"A": CAPPED, "B": SLOW}, ["B relax"], "fast"),
    Row("fast paused, relax idle", {"A": PAUSED, "B": SLOW}, ["B relax"], "fast"),
    Row("fast outside its period", {"A": OUTSIDE, "B": SLOW}, ["B relax"], "fast"),
    Row("fast banned", {"A": banned(), "B": SLOW}, ["B relax"], "fast"),
    # ------------------------------------------------- 2: relax
    Row("relax: any", {"A": GOOD, "B": SLOW, "C": SPENT}, ["A relax", "B relax", "C relax"], "relax"),
    Row("relax: not Basic", {"A": BASIC, "B": GOOD}, ["B relax"], "relax"),
    Row("relax: only Basic", {"A": BASIC}, [NO_ROUTE], "relax"),
    Row("relax: Basic set to relax", {"A": both(BASIC, SLOW)}, [NO_ROUTE], "relax"),
    Row("no mode is relax", {"A": GOOD}, ["A relax"]),
    Row("the prompt's flag", {"A": GOOD}, ["A fast"], prompt="a cat --fast"),
    Row("the field beats the flag", {"A": GOOD}, ["A relax"], "relax", prompt="a cat --turbo"),
    # ------------------------------------------------- 3: an account's own mode
    Row("set to relax: no fast jobs", {"A": SLOW, "B": GOOD}, ["B fast"], "fast"),
    Row("set to relax: all runs relax", {"A": SLOW}, ["A relax"], "turbo"),
    Row("set to relax on Basic: nothing", {"A": both(BASIC, SLOW)}, [NO_ROUTE], "fast"),
    # ------------------------------------------------- 4: candidates
    Row("within concurrency", {"A": FULL, "B": {"slots": 2}}, ["A fast", "B fast", PENDING], "fast"),
    Row("inside its period", {"A": INSIDE}, ["A relax"]),
    Row("paused takes nothing", {"A": PAUSED, "B": GOOD}, ["B relax"]),
    Row("outside takes nothing", {"A": OUTSIDE, "B": GOOD}, ["B relax"]),
    Row("capped takes nothing", {"A": CAPPED, "B": GOOD}, ["B relax"]),
    Row("up to its cap", {"A": both(CAPPED, {"day_count": 3})}, ["A relax", PENDING]),
    Row("yesterday's count is none", {"A": both(CAPPED, {"day": yesterday})}, ["A relax"]),
    Row("a seat ended, one left", {"A": SEATLESS, "B": GOOD}, ["B relax"]),
    # ------------------------------------------------- nobody can: pending while somebody may return
    Row("all paused", {"A": PAUSED, "B": PAUSED}, [NO_ROUTE]),
    Row("all outside", {"A": OUTSIDE}, [PENDING]),
    Row("all capped", {"A": CAPPED}, [PENDING]),
    Row("resting", {"A": RESTING}, [PENDING]),
    Row("being checked", {"A": CHECKED}, [PENDING]),
    Row("blocked for two hours", {"A": banned(2)}, [PENDING]),
    Row("blocked for two days", {"A": banned(48)}, [NO_ROUTE]),
    Row("blocked for good", {"A": banned()}, [NO_ROUTE]),
    *(
        Row(f"parked: {status}", {"A": parked(status)}, [NO_ROUTE])
        for status in (
            "captcha_required", "invalid_credentials", "no_balance", "subscription_expired", "setup_required",
        )
    ),
    Row("a seat and no account", {}, [NO_ROUTE]),
    Row("no seat", {}, [NO_SEAT], seats=0),
    Row("all seats ended", {"A": SEATLESS}, [NO_SEAT], seats=0),
    Row("outside and spent: relax later", {"A": both(OUTSIDE, SPENT)}, [PENDING], "fast"),
    Row("outside and Basic: relax never", {"A": both(OUTSIDE, BASIC)}, [NO_ROUTE], "relax"),
    # ------------------------------------------------- backups
    Row("a backup takes nothing", {"A": GOOD, "K": BACKUP}, ["A fast"], "fast"),
    Row("a full one is active", {"A": FULL, "K": BACKUP}, ["A fast", PENDING], "fast"),
    Row("a resting one is active", {"A": RESTING, "K": BACKUP}, [PENDING], "fast"),
    Row("(b) all: paused", {"A": PAUSED, "K": BACKUP, "L": BACKUP}, ["K fast", "L fast"], "fast"),
    Row("(b) outside", {"A": OUTSIDE, "K": BACKUP}, ["K fast"], "fast"),
    Row("(b) banned", {"A": banned(), "K": BACKUP}, ["K fast"], "fast"),
    Row("(b) there are only backups", {"K": BACKUP, "L": BACKUP}, ["K relax", "L relax"]),
    Row("(a) no fast hours", {"A": SPENT, "K": BACKUP, "L": BACKUP}, ["K fast", "L fast"], "fast"),
    Row("(a) also for a relax task", {"A": SPENT, "K": BACKUP}, ["A relax", "K relax"], "relax"),
    Row("(a) one has fast hours", {"A": SPENT, "B": GOOD, "K": BACKUP}, ["B fast"], "fast"),
    Row("(a) the one with hours is paused", {"A": SPENT, "B": PAUSED, "K": BACKUP}, ["K fast"], "fast"),
    Row("a paused backup stays paused", {"A": PAUSED, "K": both(BACKUP, PAUSED)}, [NO_ROUTE]),
    Row("a backup without seat stays", {"A": PAUSED, "K": both(BACKUP, SEATLESS)}, [NO_ROUTE]),
    # ------------------------------------------------- fail-over
    Row("own first", {"A": GOOD}, ["A fast"], "fast", failover=True),
    Row("paused", {"A": PAUSED}, ["public Operator fast"], "fast", failover=True),
    Row("outside: at once", {"A": OUTSIDE}, ["public Operator relax"], failover=True),
    Row("capped: at once", {"A": CAPPED}, ["public Operator relax"], failover=True),
    Row("Basic and relax", {"A": BASIC}, ["public Operator relax"], "relax", failover=True),
    Row("a seat and no account, failing over", {}, ["public Operator relax"], failover=True),
    Row("full is no reason", {"A": FULL}, ["A relax", PENDING], failover=True),
    Row("a backup goes first", {"A": PAUSED, "K": BACKUP}, ["K relax"], failover=True),
    Row("without credits", {"A": PAUSED}, [NO_CREDITS], failover=True, points=0),
    Row("and no public account", {"A": PAUSED}, [NO_ROUTE], failover=True, has_public=False),
    Row("no seat, failing over", {}, [NO_SEAT], seats=0, failover=True),
    # ------------------------------------------------- whose choice the pool is
    Row("asked for public", {"A": GOOD}, ["public Operator fast"], "fast", "public"),
    Row("asked for private", {"A": GOOD}, ["A fast"], "fast", "private", is_private=False),
    Row("the family is public", {"A": GOOD}, ["public Operator fast"], "fast", is_private=False),
    Row("hybrid is no mode", {"A": GOOD}, [BAD], service_mode="hybrid"),
    Row("public without credits", {"A": GOOD}, [NO_CREDITS], service_mode="public", points=0),
    Row("private needs no credits", {"A": GOOD}, ["A relax"], points=0),
    # ------------------------------------------------- bot_id
    Row("the chosen one only", {"A": GOOD, "B": GOOD}, ["B fast"], "fast", bot="B"),
    Row("the chosen one's speed", {"A": GOOD, "B": SLOW}, ["B relax"], "fast", bot="B"),
    Row("chosen and spent", {"A": GOOD, "B": SPENT}, ["B relax"], "turbo", bot="B"),
    Row("chosen, Basic and relax", {"A": GOOD, "B": BASIC}, [NO_ROUTE], "relax", bot="B"),
    Row("chosen, Basic and spent", {"A": GOOD, "B": both(BASIC, SPENT)}, [NO_ROUTE], "fast", bot="B"),
    Row("chosen and full", {"A": GOOD, "B": FULL}, ["B fast", PENDING], "fast", bot="B"),
    Row("chosen and paused", {"A": GOOD, "B": PAUSED}, [NO_ROUTE], bot="B"),
    Row("chosen and outside", {"A": GOOD, "B": OUTSIDE}, [PENDING], bot="B"),
    Row("chosen never fails over", {"A": GOOD, "B": PAUSED}, [NO_ROUTE], bot="B", failover=True),
    Row("chosen backup that sleeps", {"A": GOOD, "K": BACKUP}, [NO_ROUTE], bot="K"),
    Row("chosen without seat", {"A": GOOD, "B": SEATLESS}, [NO_ROUTE], bot="B"),
    Row("chosen below Premium", {"A": GOOD}, [PLAN], bot="A", plan="developer"),
    Row("chosen by a Hobbyist", {"A": GOOD}, [PLAN], bot="A", plan="hobbyist"),
    Row("chosen and public", {"A": GOOD}, [PLAN], bot="A", service_mode="public"),
    Row("a neighbour's", {"A": GOOD}, [MISSING], bot="neighbour"),
    Row("the operator's", {"A": GOOD}, [MISSING], bot="operator"),
    Row("of another family", {"A": GOOD}, [MISSING], bot="kling"),
    Row("nobody's", {"A": GOOD}, [MISSING], bot="nobody"),
]  # fmt: skip


def _bot(row: Row, accounts: Mapping[str, Account], workspace: Workspace) -> int:
    match row.bot:
        case "":
            return 0
        case "neighbour":
            return bridge_account(private(WorkspaceFactory.create()), "N").pk
        case "operator":
            return operators("Second").pk
        case "kling":
            made = bridge_account(workspace, "Kling", provider="federation", mode="")
            Account.objects.across_workspaces().filter(pk=made.pk).update(families=["kling"])
            return made.pk
        case "nobody":
            return 4_711_000
    return accounts[row.bot].pk


def _places(row: Row, workspace: Workspace, given: dict[str, Any]) -> set[str]:
    try:
        made = [
            midjourney(workspace, service_mode=row.service_mode, **given) for _ in range(row.tasks)
        ]
    except DomainError as error:
        return {refusal(error)}
    dispatch()
    return {place(one) for one in made}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_task_goes_where_the_rules_say(row: Row):
    workspace = private(
        WorkspaceFactory.create(plan=row.plan, points=row.points),
        failover=row.failover,
        quantity=row.seats,
    )
    if not row.is_private:
        change(workspace, private_families=[])
    if row.has_public:
        operators()
    # A neighbour's account that is better than any: nothing of ours may ever be found on it.
    bridge_account(private(WorkspaceFactory.create()), "Neighbour", slots=100, weight="high")
    accounts = {
        label: bridge_account(workspace, label, **as_of_now(row.accounts[label]))
        for label in row.accounts
    }
    given = {
        "prompt": row.prompt,
        "process_mode": row.mode,
        "bot_id": _bot(row, accounts, workspace),
    }

    found = _places(row, workspace, given)

    assert found == set(row.expected)
    assert audit.differences() == []
