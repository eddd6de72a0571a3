"""Writing what came of many steps, in a few statements. Nothing is written for a claim that was lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from apps.byoa.services import health
from apps.core.sentences import sentence
from apps.files.services import store
from apps.providers.base import ProviderError, ProviderRefused, ProviderUnavailable
from apps.tasks.models import Attempt, FailureCode
from apps.tasks.services import finish
from apps.tasks.services.finish import Ending, Failure, Result
from apps.tasks.services.remote import progress
from apps.tasks.services.remote.due import Due
from apps.tasks.services.remote.outcomes import (
    AfterAll,
    Elsewhere,
    Ended,
    Glimpse,
    Later,
    Moved,
    NeverArrived,
    Outcome,
    Stored,
    Took,
    Unsure,
)
from apps.tasks.services.remote.requeue import MAX_ATTEMPTS, TurnedDown, requeue

State = Attempt.State
_FIRST_POLL_SECONDS = 1.0
_LOOK_UP_SECONDS = 2.0
# So often one attempt is sent, each time after its provider said that it never arrived.
_MAX_SENDS = 3


@dataclass(frozen=True)
class _Change:
    """New values of an attempt; None leaves `provider_id` and `handle`, and ends the waiting for `seconds`."""

    due: Due
    state: State
    seconds: float | None
    provider_id: str | None = None
    handle: dict[str, Any] | None = None
    cost_points: int = 0
    error: str = ""


def write(outcomes: Sequence[Outcome]) -> None:
    """Everything but Ready, whose files are stored first. Each part stands for itself, so a crash in between is healed
    by the claims' leases."""
    _change([change for outcome in outcomes if (change := _changed(outcome))])
    progress.write([outcome for outcome in outcomes if isinstance(outcome, Moved | Glimpse)])
    _end(outcomes)
    requeue(
        [_turned_down(one) for one in outcomes if _is_turned_down(one)],
        waiting_hours=settings.TASK_WAITING_HOURS,
    )
    _tell_health(outcomes)


def _changed(outcome: Outcome) -> _Change | None:
    match outcome:
        case Took(due, accepted):
            after = accepted.poll_after_seconds or _FIRST_POLL_SECONDS
            return _Change(due, State.ACCEPTED, after, accepted.provider_id, dict(accepted.handle))
        case Moved(due, running) | Glimpse(due, running) if running.poll_after_seconds:
            return _Change(due, State.ACCEPTED, running.poll_after_seconds)
        case Unsure(due, error):
            return _Change(due, State.UNKNOWN, _LOOK_UP_SECONDS, error=str(error))
        case NeverArrived(due) if due.sends < _MAX_SENDS:
            return _Change(due, State.ASSIGNED, 0.0)
        case Later(due, seconds, error):
            return _Change(due, State(due.state), seconds, error=str(error or ""))
        case AfterAll(due, cost, is_done, again, handle):
            state = State.LATE if is_done else State.ABANDONED
            return _Change(due, state, again, handle=handle, cost_points=cost)
    return None


# Whoever writes several attempts locks them by id, so that nobody waits in a circle. A submit may be answered when the
# attempt has been abandoned: then its handle is kept, so that the provider can be asked to stop.
_CHANGE = """
WITH locked AS MATERIALIZED (
    SELECT id FROM tasks_attempt WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tasks_attempt a
   SET state = CASE WHEN a.state = 'ABANDONED' AND v.was <> 'ABANDONED' THEN a.state ELSE v.state END,
       claims = a.claims + (a.state <> v.was)::int, next_at = statement_timestamp() + v.seconds * interval '1 second',
       provider_id = COALESCE(v.provider_id, a.provider_id), handle = COALESCE(v.handle, a.handle),
       cost_points = GREATEST(a.cost_points, v.cost), error = CASE WHEN v.error = '' THEN a.error ELSE v.error END,
       accepted_at = CASE WHEN v.state = 'ACCEPTED' THEN COALESCE(a.accepted_at, statement_timestamp())
                          ELSE a.accepted_at END
  FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::float[], %s::text[], %s::jsonb[], %s::bigint[], %s::text[],
              %s::text[]) AS v (id, claims, state, seconds, provider_id, handle, cost, error, was)
  JOIN locked ON locked.id = v.id
 WHERE a.id = v.id
   AND (a.claims = v.claims AND a.state = v.was
        OR a.state = 'ABANDONED' AND a.provider_id = '' AND v.state = 'ACCEPTED' AND v.provider_id <> '')
"""


def _change(changes: Sequence[_Change]) -> None:
    if not changes:
        return
    ids = [one.due.id for one in changes]
    columns: list[list[Any]] = [
        ids,
        ids,
        [one.due.claims for one in changes],
        [one.state.value for one in changes],
        # psycopg takes no list of whole numbers and others; a batch has both.
        [None if one.seconds is None else float(one.seconds) for one in changes],
        [one.provider_id for one in changes],
        [None if one.handle is None else orjson.dumps(one.handle).decode() for one in changes],
        [one.cost_points for one in changes],
        [one.error[:4000] for one in changes],
        [one.due.state for one in changes],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE, columns)


def _end(outcomes: Iterable[Outcome]) -> None:
    ends = [one for one in outcomes if isinstance(one, Stored | Ended) or _is_given_up(one)]
    ended = finish.end_many([_ending(one) for one in ends])
    # Of what could not all be stored nothing stays; nor when somebody else ended the task meanwhile.
    lost = [
        one
        for one in ends
        if isinstance(one, Ended) or (isinstance(one, Stored) and one.due.task_id not in ended)
    ]
    store.discard([file for one in lost for file in one.files])


def _ending(outcome: Outcome) -> Ending:
    due = outcome.due
    match outcome:
        case Stored(_, done, output, _):
            result = Result(output, due.provider, done.cost_points or 0, dict(done.facts))
            return Ending(due.task_id, result, due.number, State.SUCCEEDED)
        case Ended(_, code, message, raw, cost):
            failure = Failure(code, message, raw, cost, _is_customers(outcome))
            return Ending(due.task_id, failure, due.number)
        case _:
            failure = Failure(
                FailureCode.ACCOUNT_UNAVAILABLE,
                sentence("No account at a provider could take it. Nothing was charged."),
                _words(outcome),
            )
            return Ending(due.task_id, failure, due.number)


def _is_customers(outcome: Outcome) -> bool:
    """Whether the failure is the input's fault: it was moderated, or could not be used."""
    if not isinstance(outcome, Ended):
        return False
    if outcome.error is None:
        return outcome.is_inputs_fault
    return outcome.error.why in (ProviderRefused.Why.INVALID, ProviderRefused.Why.MODERATED)


def _is_turned_down(outcome: Outcome) -> bool:
    return _did_not_take(outcome) and outcome.due.number < MAX_ATTEMPTS


def _is_given_up(outcome: Outcome) -> bool:
    return _did_not_take(outcome) and outcome.due.number >= MAX_ATTEMPTS


def _did_not_take(outcome: Outcome) -> bool:
    if isinstance(outcome, NeverArrived):
        return outcome.due.sends >= _MAX_SENDS
    return isinstance(outcome, Elsewhere)


def _turned_down(outcome: Outcome) -> TurnedDown:
    due = outcome.due
    # Another account is asked at once; whoever has been round already rests.
    seconds = 0.0 if due.number == 1 else float(min(2 ** (due.number - 1), 60))
    return TurnedDown(due.id, due.claims, due.task_id, due.number, _words(outcome), seconds)


def _words(outcome: Outcome) -> str:
    if isinstance(outcome, Elsewhere):
        return str(outcome.error)
    return sentence("The request did not reach the provider.")


def _tell_health(outcomes: Iterable[Outcome]) -> None:
    """What the answers say of the accounts. A refusal of the work is an account that works."""
    well: set[int] = set()
    for outcome in outcomes:
        account_id = outcome.due.account_id
        if account_id is None:
            continue
        match outcome:
            case Elsewhere(_, error) | Unsure(_, error):
                health.failed(account_id=account_id, error=error)
            case Later(_, _, ProviderError() as error):
                _tell_of_poll(account_id, error)
            # Not a poll that went well: submits may fail all the same.
            case Took() | Stored() | Ended():
                well.add(account_id)
    if well:
        health.worked(account_ids=well)


def _tell_of_poll(account_id: int, error: ProviderError) -> None:
    """A look-up that cannot tell is no fault of the account."""
    if not (isinstance(error, ProviderUnavailable) and error.is_unknown):
        health.failed(account_id=account_id, error=error)
