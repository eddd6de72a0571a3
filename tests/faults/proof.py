"""What must be true when everything has come to rest, whatever was killed on the way."""

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.platform import Platform
from tests.upstream.running import Receiver, Upstream

_MOST_SENDS = 3
_SHOWN = 10
_DAMAGE = re.compile("PANIC|page verification failed|invalid page|corrupt|could not read block")


@dataclass(frozen=True)
class Evidence:
    """`answered`: the task of each request, by its key; `sent` is how many requests there were."""

    platform: Platform
    upstream: Upstream
    receiver: Receiver
    answered: Mapping[str, str]
    refused: list[str]
    sent: int


@dataclass(frozen=True)
class Verdict:
    """One thing that must hold; `wrong` names what does not, and is empty when it does."""

    claim: str
    wrong: list[str]

    def shown(self) -> str:
        if not self.wrong:
            return f"ok    {self.claim}"
        more = (
            f"\n        … and {len(self.wrong) - _SHOWN} more" if len(self.wrong) > _SHOWN else ""
        )
        lines = "".join(f"\n        {one}" for one in self.wrong[:_SHOWN])
        return f"WRONG {self.claim} ({len(self.wrong)}){lines}{more}"


def verdicts(evidence: Evidence) -> list[Verdict]:
    """Every claim, looked at."""
    return [Verdict(claim, list(look(evidence))) for claim, look in _CLAIMS.items()]


def open_work(platform: Platform) -> tuple[int, int, int]:
    """How many tasks have not ended, deliveries wait, and attempts are followed up."""
    [row] = platform.rows(
        "SELECT (SELECT count(*) FROM tasks_task WHERE ended_at IS NULL),"
        " (SELECT count(*) FROM notifications_delivery WHERE state = 'WAITING'),"
        " (SELECT count(*) FROM tasks_attempt WHERE next_at IS NOT NULL)"
    )
    return row[0], row[1], row[2]


# ------------------------------------------------------------------------------ the claims
def _every_request_one_task(e: Evidence) -> Iterator[str]:
    yield from e.refused
    if len(e.answered) + len(e.refused) != e.sent:
        yield f"{e.sent - len(e.answered)} requests were never answered"
    made = Counter(str(row[0]) for row in e.platform.rows("SELECT id FROM tasks_task"))
    told = Counter(e.answered.values())
    yield from (f"task {one} was promised and is not there" for one in told - made)
    yield from (f"task {one} answers no request" for one in made - told)


def _ended_once(e: Evidence) -> Iterator[str]:
    query = (
        "SELECT t.id, t.status, array_agg(v.kind) FILTER (WHERE v.kind IN ('completed', 'failed', 'cancelled'))"
        "  FROM tasks_task t LEFT JOIN tasks_taskevent v ON v.task_id = t.id GROUP BY t.id"
    )
    for task_id, status, ends in e.platform.rows(query):
        if (ends or []) != [status] or status not in ("completed", "failed"):
            yield f"task {task_id} is {status} and ended as {ends}"


def _as_its_provider_said(e: Evidence) -> Iterator[str]:
    """The prompt said what the provider was to do; a task that had no trouble must not fail."""
    query = "SELECT id, status, error_code, error_message, input ->> 'prompt', deadline_seconds FROM tasks_task"
    for task_id, status, code, message, prompt, deadline in e.platform.rows(query):
        if deadline is not None:
            expected = ("failed", 11001)
        elif "[fail=" in prompt:
            expected = ("failed", int(prompt.partition("[fail=")[2][:5]))
        else:
            expected = ("completed", 0)
        if (status, code) != expected:
            yield f"task {task_id} should be {expected}, is {status} {code} {message!r}: {prompt}"


def _provider_worked_once(e: Evidence) -> Iterator[str]:
    if (twice := e.upstream.totals()["duplicates"]) > 0:
        yield f"{twice} references were worked on twice"
    attempts = _attempts(e)
    works: Counter[str] = Counter()
    for reference, seen in e.upstream.references().items():
        if reference not in attempts:
            yield f"the provider has work of no attempt: {reference}"
            continue
        task_id, sends = attempts[reference]
        works[task_id] += len(seen["task_ids"])
        if seen["submits"] > min(sends, _MOST_SENDS):
            yield f"task {task_id}: {seen['submits']} requests for {sends} sends ({reference})"
    yield from (
        f"task {one} was made {count} times at the provider"
        for one, count in works.items()
        if count > 1
    )


def _attempts(e: Evidence) -> dict[str, tuple[str, int]]:
    rows = e.platform.rows(
        "SELECT reference, task_id, sends FROM tasks_attempt WHERE reference IS NOT NULL"
    )
    return {reference: (str(task_id), sends) for reference, task_id, sends in rows}


def _charged_once(e: Evidence) -> Iterator[str]:
    query = (
        "SELECT t.id, t.status, t.price_points,"
        "       COALESCE(sum(-(c.available_delta + c.held_delta)), 0), count(*) FILTER (WHERE c.kind = 'HOLD'),"
        "       count(*) FILTER (WHERE c.kind IN ('CAPTURE', 'RELEASE'))"
        "  FROM tasks_task t LEFT JOIN billing_creditentry c ON c.reference = 'task:' || t.id GROUP BY t.id"
    )
    for task_id, status, price, spent, holds, ends in e.platform.rows(query):
        due = price if status == "completed" else 0
        if (spent, holds, ends) != (due, 1, 1):
            yield f"task {task_id} ({status}) cost {spent} of {due}, {holds} holds, {ends} settlements"


def _audit_is_clean(e: Evidence) -> Iterator[str]:
    try:
        e.platform.manage("audit_credits")
    except subprocess.CalledProcessError as error:
        yield from error.stderr.splitlines()


def _webhooks_came(e: Evidence) -> Iterator[str]:
    expected = Counter(
        (task_id, kind) for task_id in e.answered.values() for kind in ("first", "last")
    )
    rows = e.platform.rows("SELECT event_id, subject, kind, state FROM notifications_delivery")
    came = e.receiver.counts()["by_id"]
    written: Counter[tuple[str, str]] = Counter()
    for event_id, subject, kind, state in rows:
        if state != "DELIVERED":
            yield f"{kind} of {subject} is {state}"
        if not came.get(f"msg_{event_id.hex}"):
            yield f"{kind} of {subject} never came"
        if kind != "task.processing":
            which = "first" if kind == "task.created" else "last"
            written[subject.removeprefix("task:"), which] += 1
    yield from (f"no {which} event of task {task_id}" for task_id, which in expected - written)
    yield from (f"one {which} event too many of {task_id}" for task_id, which in written - expected)


def _costs_are_the_bills(e: Evidence) -> Iterator[str]:
    query = "SELECT reference, task_id, state, cost_points FROM tasks_attempt WHERE reference IS NOT NULL"
    billed = e.upstream.billed()
    for reference, task_id, state, cost in e.platform.rows(query):
        if billed.get(reference, 0) != cost:
            yield f"attempt {state} of task {task_id}: {cost} noted, {billed.get(reference, 0)} billed"


def _nothing_is_held(e: Evidence) -> Iterator[str]:
    leases = e.platform.rows("SELECT holder FROM byoa_slotlease")
    yield from (f"slot of {holder} is still taken" for (holder,) in leases)
    loads = e.platform.rows(
        "SELECT workspace_id, family, active, staged FROM tasks_familyload WHERE active <> 0 OR staged <> 0"
    )
    yield from (f"load of workspace {row[0]}, {row[1]}: {row[2]} + {row[3]}" for row in loads)
    held = e.platform.rows("SELECT workspace_id, held FROM billing_wallet WHERE held <> 0")
    yield from (f"workspace {workspace}: {points} points held" for workspace, points in held)


def _on_the_right_accounts(e: Evidence) -> Iterator[str]:
    """Private tasks ran on their workspace's accounts, the others on the operator's."""
    query = (
        "SELECT t.id, t.service_mode, c.workspace_id FROM tasks_attempt a JOIN tasks_task t ON t.id = a.task_id"
        "  JOIN byoa_account c ON c.id = a.account_id"
        " WHERE c.workspace_id IS DISTINCT FROM CASE WHEN t.service_mode = 'private' THEN t.workspace_id END"
    )
    yield from (
        f"task {row[0]} ({row[1]}) ran on an account of {row[2]}" for row in e.platform.rows(query)
    )
    [[private]] = e.platform.rows("SELECT count(*) FROM tasks_task WHERE service_mode = 'private'")
    if not private:
        yield "no task was private"


def _attempts_are_closed(e: Evidence) -> Iterator[str]:
    query = (
        "SELECT task_id, state, next_at FROM tasks_attempt"
        " WHERE state IN ('RUNNING', 'ASSIGNED', 'SENDING', 'UNKNOWN', 'ACCEPTED') OR next_at IS NOT NULL"
    )
    yield from (f"attempt of {row[0]} is {row[1]}, due {row[2]}" for row in e.platform.rows(query))


def _files_are_there(e: Evidence) -> Iterator[str]:
    """Of results. What a killed process left half-written belongs to no result, and goes when its time is over."""
    sizes = dict(e.platform.rows("SELECT key, size FROM files_storedfile WHERE kind = 'OUTPUT'"))
    query = "SELECT id, output::text FROM tasks_task WHERE status = 'completed'"
    for task_id, output in e.platform.rows(query):
        keys = re.findall(rf"{re.escape(e.platform.url)}/files/([\w/.-]+)", output)
        if not keys:
            yield f"task {task_id} is completed without a file"
        for key in keys:
            path = e.platform.folder / "files" / key
            if not path.is_file() or path.stat().st_size != sizes.get(key):
                yield f"file {key} of task {task_id} is not whole"


def _database_is_sound(e: Evidence) -> Iterator[str]:
    """Its pages carry checksums; every table was read above."""
    for line in (
        (e.platform.folder / "log" / "postgres.log").read_text(errors="replace").splitlines()
    ):
        if _DAMAGE.search(line):
            yield line


_CLAIMS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "every request made exactly one task": _every_request_one_task,
    "every task ended exactly once": _ended_once,
    "every task ended as its provider said": _as_its_provider_said,
    "the provider did each task's work once, asked only as often as allowed": _provider_worked_once,
    "every completed task was charged once, every other one is free": _charged_once,
    "sum(ledger) = balances (manage.py audit_credits)": _audit_is_clean,
    "every webhook event was delivered": _webhooks_came,
    "what attempts cost is what the provider billed": _costs_are_the_bills,
    "no slot, load or credit is still held": _nothing_is_held,
    "no task ran on an account of somebody else's": _on_the_right_accounts,
    "no attempt is left open": _attempts_are_closed,
    "the database found no damage in itself": _database_is_sound,
    "every result's file is there and whole": _files_are_there,
}


def table(found: list[Verdict]) -> str:
    return "\n".join(one.shown() for one in found)


def summary(e: Evidence) -> dict[str, Any]:
    """Figures for the eye: how it ended and what it took."""
    statuses = dict(e.platform.rows("SELECT status, count(*) FROM tasks_task GROUP BY status"))
    states = dict(
        e.platform.rows(
            "SELECT state, count(*) FROM tasks_attempt WHERE reference IS NOT NULL GROUP BY state"
        )
    )
    [[resent]] = e.platform.rows("SELECT count(*) FROM tasks_attempt WHERE sends > 1")
    [[events]] = e.platform.rows("SELECT count(*) FROM notifications_delivery")
    return {
        "tasks": statuses,
        "attempts": states,
        "attempts_sent_again": resent,
        "provider": e.upstream.totals(),
        "events": events,
        "events_received": e.receiver.counts()["total"],
    }
