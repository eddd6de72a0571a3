"""One attempt at a task on the local engine, start to end."""

import logging
import socket
import time
import uuid
from collections.abc import Callable

from apps.catalog import registry
from apps.core import metrics
from apps.core.sentences import sentence
from apps.files.services.media import MediaUnavailable
from apps.files.services.store import CannotStore
from apps.providers.local.base import BadMedia, EngineUnavailable, LocalEngineError
from apps.tasks import selectors
from apps.tasks.models import FailureCode
from apps.tasks.services import claims, finish, local_queue, local_run
from apps.tasks.services.claims import Claim
from apps.tasks.services.finish import Failure
from apps.tasks.services.results import CannotRead

log = logging.getLogger(__name__)

_UNFETCHED = sentence("An input could not be fetched.")


def execute(*, task_id: uuid.UUID) -> None:
    """Claim the task, run it on its route and write how it ended.

    Safe to call any number of times: only one caller has the claim, and only while the claim is current can it finish
    the task. A worker that dies in here is found by its lease.
    """
    spec = registry.spec_of(*selectors.name_of(task_id=task_id))
    route = local_queue.local_route(spec)
    if route is None:
        return
    claimed = claims.claim(
        task_id=task_id, route=route, worker=socket.gethostname(), seconds=spec.timeout_seconds
    )
    if claimed is None:
        return
    if claimed.attempt > claims.MAX_ATTEMPTS:
        _fail(
            claimed,
            FailureCode.INTERNAL_ERROR,
            sentence("It could not be finished in several attempts on our side."),
        )
        return
    started = time.monotonic()
    with claims.kept_alive(claimed):
        _attempt(claimed, lambda: local_run.run(claimed, spec=spec, route=route))
    metrics.TASK_SECONDS.labels(spec.family).observe(time.monotonic() - started)


def _attempt(claimed: Claim, run: Callable[[], local_run.Finished]) -> None:
    try:
        finished = run()
    except (LocalEngineError, MediaUnavailable, CannotRead, CannotStore) as error:
        is_fault = isinstance(error, BadMedia | MediaUnavailable)
        _fail(claimed, _code(error), _words(error), is_inputs_fault=is_fault)
    except Exception as error:
        _unexpected(claimed, error)
    else:
        if not finish.complete(
            task_id=claimed.task.id, attempt=claimed.attempt, result=finished.result
        ):
            finished.discard()


def _code(error: Exception) -> FailureCode:
    match error:
        case EngineUnavailable():
            return FailureCode.ACCOUNT_UNAVAILABLE
        case CannotStore() | CannotRead():
            return FailureCode.OUTPUT_UNAVAILABLE
        case _:
            return FailureCode.PROVIDER_FAILED


def _words(error: Exception) -> str:
    text = str(error)
    if isinstance(error, MediaUnavailable):
        text = f"{_UNFETCHED} {text}"
    return text if text.endswith(".") else f"{text}."


def _fail(
    claimed: Claim, code: FailureCode, message: str, *, is_inputs_fault: bool = False
) -> None:
    finish.fail(
        task_id=claimed.task.id,
        attempt=claimed.attempt,
        failure=Failure(code, message, is_inputs_fault=is_inputs_fault),
    )


def _unexpected(claimed: Claim, error: Exception) -> None:
    """A fault of ours. The customer hears so; the log has the details."""
    log.exception(
        "attempt failed", extra={"task_id": str(claimed.task.id), "attempt": claimed.attempt}
    )
    if claimed.attempt >= claims.MAX_ATTEMPTS:
        _fail(claimed, FailureCode.INTERNAL_ERROR, sentence("Something went wrong on our side."))
        return
    claims.give_up_attempt(
        claimed, error=type(error).__name__, retry_in_seconds=2 * claimed.attempt
    )
