"""Accepting a task: price fixed, points held, row and event written, all in one statement."""

import contextlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.selectors import Identity
from apps.billing.services import caps, credits
from apps.byoa.models import Account
from apps.catalog.inputs import MediaAt, media_in
from apps.core import media, metrics, sealing
from apps.core.errors import DomainError, InvalidRequest, TooLarge
from apps.core.sentences import sentence
from apps.files.models import StoredFile
from apps.files.services import media as media_files
from apps.files.services import store
from apps.notifications.services import outbox
from apps.tasks import selectors
from apps.tasks.models import IdempotencyRecord, Status, Task
from apps.tasks.policies import PRIVATE
from apps.tasks.services import failover, penalties, prompts, routing, wakes, webhooks
from apps.tasks.services.follow_ups import ActionPerformed
from apps.tasks.services.request import Prepared, TaskRequest, prepare

_RETRY_AFTER_SECONDS = 5
# Of a stored input, after inline media was moved out of it.
MAX_INPUT_BYTES = 256 * 1024


class ConcurrencyExceeded(DomainError):
    """As many tasks of the family are under way as the plan allows, and as many are staged as can be."""

    type = "concurrency_exceeded"


class IdempotencyConflict(DomainError):
    """The key was used for another request before."""

    type = "idempotency_conflict"


@dataclass(frozen=True)
class Created:
    """The task, and whether it was made by an earlier request with the same idempotency key.

    A replayed task is shown as it was created (`initial_status`), whatever became of it since.
    """

    task: Task
    replayed: bool = False
    initial_status: str = Status.PENDING


def create_task(*, identity: Identity, request: TaskRequest) -> Created:
    """Accept a task. Repeating it with the same idempotency key gives the same task.

    Over the workspace's limit for the family it is staged, and starts when an earlier one has ended. Raises the
    refusals of `prepare`, NoRoute, InsufficientCredits, SpendLimitReached, ConcurrencyExceeded or IdempotencyConflict;
    then nothing was created, held or kept. The insert is one statement: a crash leaves all of it or nothing.
    """
    # First of all: what was accepted once is answered the same, whatever the catalog or the plan says by now.
    if request.idempotency_key and (earlier := _replay(identity, request)):
        return earlier
    prepared = routing.settled(
        identity=identity, request=request, prepared=_prepared(identity, request)
    )
    penalties.admit(identity=identity, family=prepared.spec.family, pool=prepared.service_mode)
    task = _unsaved(identity, request, prepared)
    kept = _keep_inline_media(task, prepared)
    try:
        _check_size(task)
        _insert(task, identity, request)
    except BaseException as error:
        store.discard(kept)
        if isinstance(error, IntegrityError):
            return _refused(error, identity, request, task)
        raise
    if prepared.failover_triggered:
        failover.tell(task)
    if task.status == Status.PENDING:
        wakes.DISPATCH.after_commit()
    if webhooks.tells_creation(task):
        outbox.wake()
    metrics.TASKS_CREATED.labels(task.family).inc()
    return Created(task, initial_status=task.status)


def _prepared(identity: Identity, request: TaskRequest) -> Prepared:
    """A prompt that is refused counts against the day, where the family's rules say so."""
    try:
        return prepare(identity=identity, request=request)
    except prompts.PromptRejected as error:
        penalties.count_refused(identity=identity, pool=error.pool)
        raise


def _unsaved(identity: Identity, request: TaskRequest, prepared: Prepared) -> Task:
    spec, origin = prepared.spec, prepared.origin
    task = Task(
        id=uuid.uuid4(),
        workspace_id=identity.workspace_id,
        api_key_id=identity.key_id,
        created_by_id=identity.user_id,
        model=spec.model,
        task_type=spec.task_type,
        family=spec.family,
        status=Status.PENDING,
        input=request.input,
        output=spec.pending(prepared.values),
        asked_mode=prepared.asked_mode,
        process_mode=prepared.asked_mode,
        model_version=prepared.model_version,
        plan=identity.plan,
        action=prepared.action,
        parent_id=origin.task_id if origin else None,
        bound_provider=_bound_provider(prepared),
        bound_account_id=origin.account_id if origin else prepared.account_id,
        failover_triggered=prepared.failover_triggered,
        service_mode=prepared.service_mode,
        dialect=request.dialect,
        webhook_endpoint=request.webhook_endpoint,
        webhook_progress=prepared.webhook_progress,
        client_reference=request.client_reference,
        retention=request.retention,
        deadline_seconds=request.deadline_seconds,
        price_points=prepared.quote.points,
        price_lines=prepared.quote.as_json(),
        relax_points=prepared.relax_points,
        # Both are the database's to say; these stand in until it has.
        created_at=timezone.now(),
        deadline_at=timezone.now() + timedelta(seconds=_waiting_seconds(request)),
    )
    if request.webhook_secret:
        task.webhook_secret = sealing.seal(request.webhook_secret, bound_to=task.reference)
    return task


def _bound_provider(prepared: Prepared) -> str:
    """Where it must run: where its parent did, or on the own account that it names."""
    if prepared.origin is not None:
        return prepared.origin.provider
    if prepared.account_id is None:
        return ""
    return str(Account.objects.across_workspaces().get(pk=prepared.account_id).provider)


def _waiting_seconds(request: TaskRequest) -> int:
    """How long it may wait for its start; what it may take from then on is the model's matter."""
    return request.deadline_seconds or settings.TASK_WAITING_HOURS * 3600


def _keep_inline_media(task: Task, prepared: Prepared) -> list[StoredFile]:
    """Move base64 out of the input into files, and put their URLs in its place.

    Rows stay small that way, and a client that reads its task back gets a URL it can open.
    """
    inline = [found for found in media_in(prepared.values) if not media.is_url(found.value)]
    if not inline:
        return []
    task.input = orjson.loads(orjson.dumps(task.input))
    kept: list[StoredFile] = []
    try:
        for found in inline:
            kept.append(_kept_inline(task, prepared, found))
            _replace(task.input, found.path, store.url_of(kept[-1]))
    except BaseException:
        store.discard(kept)
        raise
    return kept


def _kept_inline(task: Task, prepared: Prepared, found: MediaAt) -> StoredFile:
    try:
        return media_files.keep_inline(
            workspace_id=task.workspace_id,
            value=found.value,
            expires_at=_inputs_expire_at(prepared),
        )
    except media.MediaError as error:
        name = ".".join(str(step) for step in ("input", *found.path))
        raise InvalidRequest.field(name, error.words) from None


def _check_size(task: Task) -> None:
    """Unknown fields are kept and echoed, but a row is no place for megabytes of them."""
    if len(orjson.dumps(task.input)) > MAX_INPUT_BYTES:
        raise TooLarge(
            sentence(
                "input is larger than {most} KB without its media.",
                most=MAX_INPUT_BYTES // 1024,
            ),
            detail={"field": "input"},
        )


def _inputs_expire_at(prepared: Prepared) -> datetime:
    # Long enough for the wait and the task itself, and for "run again" on the next day.
    hours = settings.TASK_WAITING_HOURS + 24
    return timezone.now() + timedelta(seconds=prepared.spec.timeout_seconds, hours=hours)


def _replace(target: Any, path: tuple[str | int, ...], value: str) -> None:
    *steps, last = path
    for step in steps:
        target = target[step]
    target[last] = value


# Counts the task as under way or, over the limit, as staged; no row when neither has room. The limit holds to the task
# because an update waits for the row's lock and then sees its newest version.
_GATE_SQL = """
gate AS (
    INSERT INTO tasks_familyload AS l (workspace_id, family, pool, active, staged, was_staged)
    VALUES (%s, %s, %s, (%s::int > 0)::int, (%s::int <= 0)::int, %s::int <= 0)
    ON CONFLICT (workspace_id, family, pool) DO UPDATE
       SET active = l.active + (l.active < %s::int)::int, staged = l.staged + (l.active >= %s::int)::int,
           was_staged = l.active >= %s::int
     WHERE l.active < %s::int OR l.staged < %s
 RETURNING was_staged
), """
_NO_HOLD_CTE = """
hold AS (SELECT %s::bigint AS workspace_id)
"""
_STATUS = "CASE WHEN was_staged THEN 'staged' ELSE 'pending' END"
_IDEMPOTENCY_CTE = f"""
, idempotency AS (
    INSERT INTO tasks_idempotencyrecord (workspace_id, key, fingerprint, task_id, initial_status)
    SELECT workspace_id, %s, %s, %s::uuid, {_STATUS} FROM hold, gate
)
"""  # noqa: S608 - nothing but our own text
_COLUMNS = (
    "id", "workspace_id", "api_key_id", "created_by_id", "model", "task_type", "family", "input", "output",
    "asked_mode", "process_mode", "model_version", "plan", "action", "parent_id", "bound_provider", "bound_account_id",
    "failover_triggered", "service_mode", "dialect", "webhook_endpoint", "webhook_secret", "webhook_progress",
    "client_reference", "retention", "deadline_seconds", "price_points", "relax_points", "price_lines",
)  # fmt: skip
# What PostgreSQL could not tell the type of by itself.
_TYPES = {
    "id": "uuid", "api_key_id": "bigint", "created_by_id": "bigint", "input": "jsonb", "output": "jsonb",
    "parent_id": "uuid", "bound_account_id": "bigint", "failover_triggered": "boolean", "webhook_progress": "boolean",
    "deadline_seconds": "integer", "price_points": "bigint", "relax_points": "bigint", "price_lines": "jsonb",
}  # fmt: skip
_VALUES = ", ".join(
    "workspace_id" if name == "workspace_id" else f"%s::{_TYPES[name]}" if name in _TYPES else "%s"
    for name in _COLUMNS
)
_INSERT = f"""
, task AS (
    INSERT INTO tasks_task ({", ".join(_COLUMNS)}, status, deadline_at, wake_at)
    SELECT {_VALUES}, {_STATUS},
           statement_timestamp() + %s * interval '1 second', statement_timestamp()
      FROM hold, gate
 RETURNING id, workspace_id, status, created_at, deadline_at
), event AS (
    INSERT INTO tasks_taskevent (task_id, kind) SELECT id, 'created' FROM task
)
"""  # noqa: S608 - only the column names above are put in
_WEBHOOK_CTE = f", {webhooks.CREATED_CTE}"
_HEARD_CTE = f", {webhooks.HEARD_CTE}"
_RESULT = "SELECT status, created_at, deadline_at, false FROM task"
_HEARD_RESULT = "SELECT status, created_at, deadline_at, EXISTS (SELECT FROM heard) FROM task"


def _insert(task: Task, identity: Identity, request: TaskRequest) -> None:
    seconds = (task.deadline_at - timezone.now()).total_seconds()
    counts = penalties.counts_relax(task)
    # What costs nothing passes no cap, not even one that was lowered below what is spent.
    is_capped = identity.has_cap and task.service_mode != PRIVATE
    # By itself one statement is a transaction, without the round trips of BEGIN and COMMIT.
    is_bare = not (counts or is_capped or connection.in_atomic_block)
    with contextlib.nullcontext() if is_bare else transaction.atomic():
        # What is beyond a day's allowance costs more, so it is counted first.
        beyond = penalties.count_relax(identity=identity, task=task) if counts else None
        if is_capped:
            caps.reserve(identity=identity, points=task.price_points)
        sql, parameters = insert_statement(task, identity, seconds=seconds, request=request)
        _run(task, sql, parameters)
        penalties.tell([beyond] if beyond else [])


def _run(task: Task, sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    if row is None:
        raise ConcurrencyExceeded(
            sentence(
                "This workspace has as many {family} tasks under way and staged as it may."
                " Wait for one to end.",
                family=task.family,
            ),
            detail={"family": task.family},
            retry_after=_RETRY_AFTER_SECONDS,
        )
    task.status, task.created_at, task.deadline_at, is_heard = row
    task._state.adding = False
    if is_heard:
        outbox.wake()


def insert_statement(
    task: Task, identity: Identity, *, seconds: float, request: TaskRequest | None = None
) -> tuple[str, list[Any]]:
    """The one statement that holds the price and writes task, event, ledger line, idempotency record and delivery.

    A private task costs nothing: the ledger hears of it when it ends, and the wallet is left alone.
    """
    is_private = task.service_mode == PRIVATE
    limit = settings.PRIVATE_TASKS if is_private else identity.concurrent_tasks
    # By position: one statement takes either names or positions, and the hold's are positions.
    parameters: list[Any] = [task.workspace_id, task.family, task.service_mode, *[limit] * 7]
    parameters.append(identity.terms.staged_tasks)
    if is_private:
        sql = f"WITH {_GATE_SQL}{_NO_HOLD_CTE}"
        parameters.append(task.workspace_id)
    else:
        sql = f"WITH {_GATE_SQL}{credits.GATED_HOLD_CTE}"
        parameters += credits.hold_parameters(
            workspace_id=task.workspace_id,
            points=task.price_points,
            reference=task.reference,
            key_id=identity.key_id,
            user_id=identity.user_id,
        )
    if request and request.idempotency_key:
        sql += _IDEMPOTENCY_CTE
        parameters += [request.idempotency_key, request.fingerprint, task.id]
    sql += _INSERT
    parameters += [*_row(task), seconds]
    if webhooks.tells_creation(task):
        sql += _WEBHOOK_CTE
        parameters += webhooks.created_parameters(task)
    if task.webhook_endpoint:
        return sql + _RESULT, parameters
    return sql + _HEARD_CTE + _HEARD_RESULT, [*parameters, *webhooks.heard_parameters(task)]


_AS_JSON = frozenset({"input", "output", "price_lines"})


def _row(task: Task) -> list[Any]:
    return [_value(task, name) for name in _COLUMNS if name != "workspace_id"]


def _value(task: Task, name: str) -> Any:
    value = getattr(task, name)
    return _json(value) if name in _AS_JSON and value is not None else value


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _refused(
    error: IntegrityError, identity: Identity, request: TaskRequest, task: Task
) -> Created:
    """What a constraint's refusal means to the customer: too few points, or somebody was first with the key."""
    if credits.violates(error, "wallet_available_not_negative"):
        raise credits.insufficient(
            workspace_id=identity.workspace_id, points=task.price_points
        ) from None
    if credits.violates(error, "task_taken_from_parent_once"):
        raise ActionPerformed(
            sentence(
                "{action} was done to this task before: read the task that did it.",
                action=task.action,
            ),
            detail={"field": "input.index"},
        ) from None
    if credits.violates(error, "idempotency_key_once") and (earlier := _replay(identity, request)):
        return earlier
    raise error


def _replay(identity: Identity, request: TaskRequest) -> Created | None:
    record = selectors.idempotency_record(
        workspace_id=identity.workspace_id, key=request.idempotency_key or ""
    )
    if record is None:
        return None
    day = timedelta(hours=settings.IDEMPOTENCY_HOURS)
    # By the database's clock: on a machine whose own is ahead a key must not be free early.
    of_workspace = IdempotencyRecord.objects.of(identity.workspace_id)
    if of_workspace.filter(pk=record.pk, created_at__lt=Now() - day).delete()[0]:
        return None
    if bytes(record.fingerprint) != request.fingerprint:
        raise IdempotencyConflict(
            sentence(
                "This Idempotency-Key was used for another request in the last 24 hours."
                " Use a new key."
            )
        )
    return Created(record.task, replayed=True, initial_status=record.initial_status)
