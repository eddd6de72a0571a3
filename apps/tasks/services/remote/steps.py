"""One step of one attempt on the event loop: from what is due to what came of it. No database, no exception out."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from django.conf import settings

from apps.catalog import registry as registry_of_models
from apps.core.egress import Session
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.files.services.media import MediaUnavailable
from apps.providers import flow, registry
from apps.providers.base import (
    Accepted,
    Access,
    AccountNeedsOwner,
    Adapter,
    Done,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Running,
    Work,
)
from apps.tasks.models import FailureCode
from apps.tasks.services import results
from apps.tasks.services.remote import copies, inputs
from apps.tasks.services.remote.due import Due, State
from apps.tasks.services.remote.outcomes import (
    AfterAll,
    Elsewhere,
    Ended,
    Glimpse,
    Later,
    Moved,
    NeverArrived,
    Outcome,
    Ready,
    Took,
    Unsure,
)

log = logging.getLogger(__name__)

Why = ProviderRefused.Why
# Of a look-up that finds nothing: a request may still be on its way for this long after it was sent.
_SURE_SECONDS = 10
_MOST_PREVIEWS = 12
_AFTER_ABANDONED = (60.0, 600.0)
# A provider that has not answered for so long will not tell what abandoned work costs.
_LONGEST_AFTER_SECONDS = 86_400

_REFUSALS = {
    Why.INVALID: (FailureCode.PROVIDER_FAILED, sentence("The provider did not accept the input.")),
    Why.MODERATED: (
        FailureCode.PROVIDER_MODERATED,
        sentence("The provider's moderation refused it."),
    ),
    Why.FAILED: (FailureCode.PROVIDER_FAILED, sentence("The provider could not make it.")),
    Why.TIMEOUT: (
        FailureCode.PROVIDER_TIMEOUT,
        sentence("The provider did not finish in its time."),
    ),
    Why.CANCELLED: (FailureCode.PROVIDER_FAILED, sentence("The provider cancelled the work.")),
}
_UNFETCHED = sentence("An input could not be fetched.")
_NO_RESULT = sentence("The result could not be fetched from the provider.")
_FREE = sentence("Nothing was charged.")


async def step(due: Due, access: Access, session: Session) -> Outcome:
    """Do what is due. Whatever goes wrong becomes an outcome."""
    try:
        adapter = registry.adapter(due.provider)
        return await _STEPS[State(due.state)](due, adapter, access, session)
    except ProviderRefused as error:
        return refused(due, error)
    except ProviderError as error:
        # Of a poll: the work goes on at the provider whatever is wrong with our asking.
        return Later(due, _patience(due, error), error)
    except Exception as error:
        log.exception(
            "step at a provider failed",
            extra={"task_id": str(due.task_id), "error": type(error).__name__},
        )
        return Later(due, 30)


def callback_secret(reference: str) -> str:
    """What a provider may send back with a callback to prove it is the one we gave the work to."""
    return hmac.new(
        settings.SECRET_KEY.encode(), f"callback:{reference}".encode(), hashlib.sha256
    ).hexdigest()


def refused(due: Due, error: ProviderRefused) -> Ended:
    """The end of work that the provider will not or could not do."""
    code, words = _REFUSALS[error.why]
    return Ended(due, code, f"{words} {_FREE}", str(error), error.cost_points, error)


async def _submit(due: Due, adapter: Adapter, access: Access, session: Session) -> Outcome:
    try:
        work = await _work(due, access, session)
    except (MediaUnavailable, DomainError) as error:
        message = f"{_UNFETCHED} {error}"
        return Ended(due, FailureCode.PROVIDER_FAILED, f"{message} {_FREE}", is_inputs_fault=True)
    try:
        answer = await flow.arun(adapter.submit(work, access), session.send)
    except ProviderRefused as error:
        return refused(due, error)
    except ProviderUnavailable as error:
        return Unsure(due, error) if error.is_unknown else Elsewhere(due, error)
    except ProviderError as error:
        return Elsewhere(due, error)
    return await _taken(due, answer, session)


async def _look_up(due: Due, adapter: Adapter, access: Access, session: Session) -> Outcome:
    if not adapter.can_look_up:
        # A callback may still adopt it; else its deadline ends it.
        return Later(due, 60)
    found = await flow.arun(adapter.look_up(_name(due), access), session.send)
    if found is not None:
        return await _taken(due, found, session)
    if due.seconds_old < _SURE_SECONDS:
        return Later(due, _SURE_SECONDS - due.seconds_old)
    return NeverArrived(due)


async def _poll(due: Due, adapter: Adapter, access: Access, session: Session) -> Outcome:
    try:
        answer = await flow.arun(adapter.poll(due.handle, access), session.send)
    except (ProviderUnavailable, AccountNeedsOwner) as error:
        if not error.ends_work:
            raise
        # It has ended there for the account's sake, not for its own.
        return Elsewhere(due, error)
    if isinstance(answer, Running):
        return await _seen(due, answer, session)
    return await _fetched(due, answer, session)


async def _seen(due: Due, running: Running, session: Session) -> Outcome:
    """With a picture of the unfinished work, where there is one that was not shown yet and can be had."""
    address = running.previews[-1] if running.previews else ""
    digest = hashlib.sha256(address.encode()).hexdigest()[:32]
    if not address or digest == due.last_preview or due.previews >= _MOST_PREVIEWS:
        return Moved(due, running)
    try:
        copy = await copies.fetch_one(address, session)
    except copies.CannotCopy:
        # It is for whoever watches; the work does not depend on it.
        return Moved(due, running)
    return Glimpse(due, running, digest, copy)


async def _after_all(due: Due, adapter: Adapter, access: Access, session: Session) -> Outcome:
    """The task has ended without it. Ask it to stop, and learn what it costs us."""
    if due.seconds_old > _LONGEST_AFTER_SECONDS:
        return AfterAll(due)
    handle = dict(due.handle)
    if not handle and adapter.can_look_up:
        found = await flow.arun(adapter.look_up(_name(due), access), session.send)
        if isinstance(found, Done):
            return AfterAll(due, found.cost_points or 0, is_done=True)
        handle = dict(found.handle) if found else {}
    if not handle:
        # What was just being sent may arrive yet.
        again = _SURE_SECONDS if due.seconds_old < _SURE_SECONDS and adapter.can_look_up else None
        return AfterAll(due, again_seconds=again)
    asked = int(handle.pop("asked", 0))
    if asked == 0 and await flow.arun(adapter.cancel(handle, access), session.send):
        return AfterAll(due)
    return await _news(due, handle, asked, adapter, access, session)


async def _news(
    due: Due,
    handle: dict[str, Any],
    asked: int,
    adapter: Adapter,
    access: Access,
    session: Session,
) -> Outcome:
    try:
        answer = await flow.arun(adapter.poll(handle, access), session.send)
    except ProviderError as error:
        if not error.ends_work:
            raise
        return AfterAll(due, error.cost_points)
    if isinstance(answer, Done):
        return AfterAll(due, answer.cost_points or 0, is_done=True)
    if asked >= len(_AFTER_ABANDONED):
        return AfterAll(due)
    again = _AFTER_ABANDONED[asked]
    return AfterAll(due, again_seconds=again, handle=handle | {"asked": asked + 1})


_Step = Callable[[Due, Adapter, Access, Session], Coroutine[Any, Any, Outcome]]
_STEPS: dict[State, _Step] = {
    State.SENDING: _submit,
    State.UNKNOWN: _look_up,
    State.ACCEPTED: _poll,
    State.ABANDONED: _after_all,
}


def _name(due: Due) -> Work:
    """What a provider needs to find work that it may have, but for its media."""
    return Work(
        due.reference,
        due.job,
        due.model,
        due.task_type,
        due.input,
        mode=due.mode,
        parent=due.parent,
    )


async def _work(due: Due, access: Access, session: Session) -> Work:
    prepared = await inputs.prepared(
        model=due.model,
        task_type=due.task_type,
        raw=due.input,
        by_url=access.config.get("media") == "url",
        session=session,
    )
    calls_back = bool(access.config.get("callbacks"))
    return Work(
        reference=due.reference,
        job=due.job,
        model=due.model,
        task_type=due.task_type,
        input=prepared,
        callback_url=f"{settings.BASE_URL}/hooks/providers/{due.reference}" if calls_back else "",
        callback_secret=callback_secret(due.reference) if calls_back else "",
        deadline_seconds=max(1.0, due.seconds_left),
        mode=due.mode,
        parent=due.parent,
    )


async def _taken(due: Due, answer: Accepted | Done, session: Session) -> Outcome:
    if isinstance(answer, Accepted):
        return Took(due, answer)
    return await _fetched(due, answer, session)


async def _fetched(due: Due, done: Done, session: Session) -> Outcome:
    try:
        async with asyncio.timeout(max(5.0, due.seconds_left)):
            found = await copies.fetch_all(done, session)
            spec = registry_of_models.spec_of(due.model, due.task_type)
            made = await asyncio.to_thread(results.completed, spec, done.output, found)
            return Ready(due, done, made)
    except (copies.CannotCopy, results.CannotRead) as error:
        message = f"{_NO_RESULT} {error}"
    except TimeoutError:
        message = sentence("The result could not be fetched before the task's deadline.")
    return Ended(
        due, FailureCode.OUTPUT_UNAVAILABLE, f"{message} {_FREE}", cost_points=done.cost_points or 0
    )


def _patience(due: Due, error: ProviderError) -> float:
    asked = getattr(error, "retry_after_seconds", None)
    return float(min(max(asked or 0, 2 * 1.5 ** min(due.polls, 10)), 60))
