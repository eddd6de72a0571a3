"""One step at a Midjourney bridge: what its failures come to."""

import asyncio
import uuid
from typing import Any

import pytest

from apps.core.egress import Session
from apps.providers.base import Access
from apps.tasks.services.remote import steps
from apps.tasks.services.remote.due import Due, State
from apps.tasks.services.remote.outcomes import AfterAll, Elsewhere, Ended, Later, Outcome, Took
from tests.bridge.running import RunningBridge


def due(state: State, *, prompt: str = "a city", **changes: Any) -> Due:
    known: dict[str, Any] = {
        "id": 1,
        "state": state,
        "claims": 1,
        "task_id": uuid.UUID(int=1),
        "number": 1,
        "provider": "midjourney_bridge",
        "job": "imagine",
        "account_id": 1,
        "reference": "ref-0001",
        "provider_id": "",
        "handle": {},
        "sends": 1,
        "polls": 0,
        "seconds_left": 600.0,
        "seconds_old": 1.0,
        "workspace_id": 1,
        "model": "midjourney",
        "task_type": "imagine",
        "mode": "fast",
        "previews": 0,
        "last_preview": "",
        "input": {"prompt": prompt},
        "parent": {},
    }
    return Due(**(known | changes))


def stepped(bridge: RunningBridge, one: Due) -> Outcome:
    async def go() -> Outcome:
        async with Session() as session:
            return await steps.step(one, Access(bridge.url, "any-secret-but-bad"), session)

    return asyncio.run(go())


def taken(bridge: RunningBridge, prompt: str) -> dict[str, Any]:
    """The handle of work that the bridge has finished, however it ended."""
    outcome = stepped(bridge, due(State.SENDING, prompt=prompt))
    assert isinstance(outcome, Took)
    bridge.finish()
    return dict(outcome.accepted.handle)


@pytest.mark.parametrize("fail", ["captcha", "banned", "subscription", "fast_hours", "queue"])
def test_work_that_ended_for_the_accounts_sake_is_for_another(bridge: RunningBridge, fail: str):
    handle = taken(bridge, f"a city [fail={fail}]")

    outcome = stepped(bridge, due(State.ACCEPTED, handle=handle))

    assert isinstance(outcome, Elsewhere)


@pytest.mark.parametrize("fail", ["moderated", "invalid", "broken"])
def test_work_that_failed_for_its_own_sake_has_ended(bridge: RunningBridge, fail: str):
    handle = taken(bridge, f"a city [fail={fail}]")

    assert isinstance(stepped(bridge, due(State.ACCEPTED, handle=handle)), Ended)


def test_an_account_that_cannot_be_asked_leaves_its_work_running(bridge: RunningBridge):
    handle = taken(bridge, "a city [lie=other_id]")

    assert isinstance(stepped(bridge, due(State.ACCEPTED, handle=handle)), Later)


def test_abandoned_work_that_ended_for_the_accounts_sake_is_over(bridge: RunningBridge):
    handle = taken(bridge, "a city [fail=captcha]") | {"asked": 1}

    outcome = stepped(bridge, due(State.ABANDONED, handle=handle))

    assert isinstance(outcome, AfterAll)
    assert outcome.again_seconds is None
