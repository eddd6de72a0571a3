"""Midjourney over a real wire: a scripted bridge, accounts at it, and the loop that a worker would run."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from tests.bridge.running import RunningBridge
from tests.factories import WorkspaceFactory
from tests.factories.own import operators, private
from tests.tasks.remote.conftest import due_now

QUICK = {"poll_seconds": 0.05}


@pytest.fixture(autouse=True)
def _reaches_this_machine(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_ENGINE = False


@pytest.fixture
def shop(db: None) -> Workspace:
    """Premium, public."""
    return WorkspaceFactory.create(plan="premium")


@pytest.fixture
def home(db: None) -> Workspace:
    """Premium, private."""
    return private(WorkspaceFactory.create(plan="premium"))


@pytest.fixture
def pool_account(db: None, bridge: RunningBridge) -> Account:
    """The operator's, at the bridge."""
    return operators(base_url=bridge.url, config=QUICK, slots=50)


@pytest.fixture
def run() -> Callable[..., None]:
    """Dispatch and work until nothing is due any more; `hurry` makes everything that waits due first."""

    def go(*, hurry: bool = False) -> None:
        if hurry:
            due_now()
        dispatch()
        Pump().run(seconds=20)

    return go
