import os
import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from apps.accounts.models import Workspace
from apps.ops import health
from apps.ops.state_metrics import STATE
from tests.byoa.test_slots import lease
from tests.factories import picture, task
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

NOWHERE = "redis://:secret-password@127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of another test or of a developer give their signs of life under another name."""
    monkeypatch.setattr(health, "_KEY", f"test-{uuid.uuid4()}:worker:")
    monkeypatch.setattr(health, "_migrated", False)
    STATE.forget()


@pytest.fixture
def workers() -> None:
    health.beat(worker="worker@here", queues=["default", "provider", "deliver"])
    health.beat(worker="local@here", queues=["local"])


def test_healthz_asks_nothing_else(client: Client, settings: Any, django_assert_num_queries: Any):
    settings.REDIS_URL = NOWHERE

    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.usefixtures("workers")
def test_readyz_is_200_when_everything_is_well(client: Client):
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ready",
            "checks": {
                name: {"ok": True} for name in ("database", "migrations", "valkey", "worker")
            },
            "warnings": [],
        },
    )


def not_ready(client: Client) -> dict[str, Any]:
    """The failed checks of a 503."""
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")
    return {name: check for name, check in response.json()["checks"].items() if not check["ok"]}


@pytest.mark.usefixtures("workers")
def test_readyz_says_that_valkey_is_away_and_not_where_it_is(client: Client, settings: Any):
    settings.REDIS_URL = NOWHERE

    assert not_ready(client) == {
        "valkey": {"ok": False, "detail": "ConnectionError"},
        "worker": {"ok": False, "detail": "ConnectionError"},
    }


def test_readyz_names_the_queues_without_a_worker(client: Client):
    assert not_ready(client) == {"worker": {"ok": False, "detail": "no worker for default, local"}}

    health.beat(worker="worker@here", queues=["default"])
    assert not_ready(client) == {"worker": {"ok": False, "detail": "no worker for local"}}


def test_readyz_needs_no_local_worker_where_there_is_no_local_engine(client: Client, settings: Any):
    settings.LOCAL_ENGINE = False
    health.beat(worker="worker@here", queues=["default"])

    assert client.get("/readyz").status_code == 200


@pytest.mark.usefixtures("workers")
def test_worker_that_stops_is_no_longer_counted_on(client: Client):
    health.forget(worker="local@here", queues=["local"])

    assert not_ready(client) == {"worker": {"ok": False, "detail": "no worker for local"}}


@pytest.mark.usefixtures("workers")
def test_worker_that_falls_silent_is_forgotten():
    with health.valkey() as client:
        lives = [client.ttl(key) for key in client.scan_iter(f"{health._KEY}*")]

    assert len(lives) == 4
    assert all(health.BEAT_SECONDS < seconds <= 20 for seconds in lives)


@pytest.mark.usefixtures("workers")
def test_readyz_counts_the_migrations_that_wait(client: Client):
    recorder = MigrationRecorder(connection)
    newest = recorder.migration_qs.filter(app="tasks").latest("name")
    recorder.record_unapplied("tasks", newest.name)

    assert set(not_ready(client)) == {"migrations"}


@pytest.mark.usefixtures("workers")
def test_readyz_says_that_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch):
    # The test's own connection stays open for the clean-up; a wrapper refuses its statements.
    def refuse(*_: Any) -> None:
        raise ConnectionError("10.1.2.3 does not answer")

    with connection.execute_wrapper(refuse):
        assert not_ready(client) == {
            "database": {"ok": False, "detail": "ConnectionError"},
            "migrations": {"ok": False, "detail": "ConnectionError"},
        }


def test_beat_without_valkey_does_not_raise(settings: Any):
    settings.REDIS_URL = NOWHERE

    health.beat(worker="worker@here", queues=["default"])
    health.forget(worker="worker@here", queues=["default"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_only_reading_is_allowed(client: Client, path: str):
    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "status"),
    [
        (0, "127.0.0.1", "", 200),
        (0, "::1", "", 200),
        (0, "203.0.113.7", "", 404),
        (0, "203.0.113.7", "127.0.0.1", 404),
        (0, "", "", 404),
        (1, "127.0.0.1", "203.0.113.7", 404),  # everybody comes through the proxy next to us
        (1, "203.0.113.7", "127.0.0.1", 404),  # who reaches us directly writes any header
        (1, "127.0.0.1", "", 200),
    ],
)
def test_metrics_are_for_listed_addresses(
    client: Client, settings: Any, proxies: int, peer: str, forwarded: str, status: int
):
    settings.TRUSTED_PROXIES = proxies

    response = client.get("/metrics", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert response.status_code == status


def test_metrics_count_requests_by_route(client: Client):
    client.get("/healthz")

    text = client.get("/metrics").content.decode()

    assert 'modelyard_requests_total{method="GET",route="healthz",status="200"}' in text


def test_metrics_of_all_processes_are_added_up(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    client.get("/healthz")

    response = client.get("/metrics")

    # Nobody has written there yet: nothing of this process alone is shown, only the state of all.
    text = response.content.decode()
    assert (response.status_code, "modelyard_requests_total" in text) == (200, False)
    assert 'modelyard_state_readable{part="queues"} 1.0' in text


@pytest.mark.usefixtures("workers")
def test_readyz_warns_of_work_that_nobody_starts_and_events_that_nobody_tells(
    client: Client, workspace: Workspace
):
    endpoint = {"webhook_endpoint": "https://customer.example.com/hook"}
    task(workspace, **endpoint)
    family = task(workspace, **endpoint).family
    lease(account(slots=1).pk)
    picture(workspace)  # waits for room
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks_task SET wake_at = now() - interval '61 seconds'")
        cursor.execute(
            "UPDATE notifications_delivery SET next_attempt_at = now() - interval '301 seconds'"
        )

    response = client.get("/readyz")

    assert (response.status_code, response.json()["warnings"]) == (
        200,
        [
            f"2 {family} tasks have waited for over a minute although there is room",
            "2 deliveries have been due for over five minutes",
        ],
    )


@pytest.mark.usefixtures("workers")
def test_readyz_does_not_warn_of_what_is_young(client: Client, workspace: Workspace):
    task(workspace, webhook_endpoint="https://customer.example.com/hook")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks_task SET wake_at = now() - interval '50 seconds'")
        cursor.execute(
            "UPDATE notifications_delivery SET next_attempt_at = now() - interval '290 seconds'"
        )

    assert client.get("/readyz").json()["warnings"] == []
