"""The public API as a program calls it, with a scripted bridge behind it and the loop that a worker would run."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from apps.accounts.models import Workspace
from apps.byoa import selectors as byoa
from apps.tasks.models import Status, Task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from tests.api.conftest import Caller, caller_of
from tests.bridge.running import RunningBridge
from tests.factories import WorkspaceFactory
from tests.factories.own import operators
from tests.tasks.midjourney.conftest import QUICK
from tests.tasks.remote.conftest import due_now
from tests.tasks.rows import plan

# A slow machine may need more than the two that submit and poll.
_MOST_ROUNDS = 6


@pytest.fixture(autouse=True)
def _reaches_this_machine(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_ENGINE = False


class Client:
    """A customer's program. Answers are (HTTP status, body)."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.caller: Caller = caller_of(workspace)

    def create(
        self, task_type: str = "imagine", values: dict[str, Any] | None = None, **config: Any
    ) -> tuple[int, dict[str, Any]]:
        byoa.forget_pool()
        body = {
            "model": "midjourney",
            "task_type": task_type,
            "input": {"prompt": "a cat"} if values is None else values,
            "config": config,
        }
        return self.post("/api/v1/task", body)

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        response = self.caller.post(path, body)
        return response.status_code, orjson.loads(response.content)

    def made(self, task_type: str = "imagine", values: Any = None, **config: Any) -> dict[str, Any]:
        """The data of a task that was created."""
        status, body = self.create(task_type, values, **config)
        assert (status, body["code"]) == (200, 200), body
        data: dict[str, Any] = body["data"]
        return data

    def refused(self, task_type: str = "imagine", values: Any = None, **config: Any) -> str:
        """ "400/10005" of a request that is not taken."""
        status, body = self.create(task_type, values, **config)
        assert body["code"] == status
        return f"{status}/{body['error']['code']}"

    def read(self, data: dict[str, Any]) -> dict[str, Any]:
        """The task as it is now."""
        response = self.caller.get(f"/api/v1/task/{data['task_id']}")
        assert response.status_code == 200
        found: dict[str, Any] = orjson.loads(response.content)["data"]
        return found

    def balance(self) -> tuple[int, int]:
        wallet = orjson.loads(self.caller.get("/account/info").content)["data"]["wallet"]
        return wallet["balance"], wallet["frozen"]


@pytest.fixture
def client_of() -> Callable[..., Client]:
    """A client of a new workspace on that plan, with as many tasks at once as it likes."""

    def of(name: str = "premium", **fields: Any) -> Client:
        workspace = WorkspaceFactory.create(plan=name, **fields)
        return Client(plan(workspace, concurrency_override=1000))

    return of


@pytest.fixture
def public_pool(db: None, bridge: RunningBridge) -> RunningBridge:
    """The bridge, with an account of the operator's at it."""
    operators(base_url=bridge.url, config=QUICK, slots=1000)
    return bridge


@pytest.fixture
def work() -> Callable[..., None]:
    """Whatever waits is done: so many rounds, or at least two, and more while a provider is still at work."""

    def go(rounds: int | None = None, *, seconds: float = 20) -> None:
        for number in range(rounds or _MOST_ROUNDS):
            due_now()
            dispatch()
            Pump().run(seconds=seconds)
            if rounds is None and number and not _is_at_work():
                return

    return go


def _is_at_work() -> bool:
    return Task.objects.across_workspaces().filter(status=Status.PROCESSING).exists()
