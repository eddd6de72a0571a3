"""A provider's callback: the address is the secret, and whatever comes to it is never a fault of ours."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.tasks.models import Attempt, Status, Task
from tests.api.conftest import Caller
from tests.factories import task

pytestmark = pytest.mark.django_db
TOKEN = "att_0123456789abcdefghijklmnopqrstuv"


def hook(token: str = TOKEN) -> str:
    return f"/hooks/providers/{token}"


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    """One that a provider works on, to be looked at in an hour."""
    one = task(workspace)
    Task.objects.of(workspace.pk).filter(id=one.id).update(
        status=Status.PROCESSING, attempt=1, provider="federation", started_at=timezone.now()
    )
    return Attempt.objects.create(
        task=one,
        number=1,
        provider="federation",
        job="x",
        state=Attempt.State.ACCEPTED,
        reference=TOKEN,
        provider_id=str(uuid.uuid4()),
        next_at=timezone.now() + timedelta(hours=1),
        deadline_at=timezone.now() + timedelta(hours=2),
    )


def state(attempt: Attempt) -> tuple[str, str, int, int]:
    found = Attempt.objects.select_related("task").get(pk=attempt.pk)
    return (found.state, found.task.status, found.task.cost_points, found.cost_points)


BODIES = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b"[" * 100_000,
    b'{"timestamp": 1, "data": {"task_id": "x", "status": "completed", "output": {}}}',
    b'{"data": {"status": "completed", "meta": {"usage": {"consume": 99999999999999999999}}}}',
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("path", [hook(), hook() + "/"])
def test_whatever_is_sent_is_at_most_a_hint(attempt: Attempt, path: str, body: bytes):
    before = state(attempt)

    response = Caller().post(path, body)

    assert response.status_code in (200, 400, 404)
    assert response.json()["code"] == response.status_code
    assert state(attempt) == before


def test_known_token_is_thanked_also_ten_times(attempt: Attempt):
    before = state(attempt)
    body = {"timestamp": 1, "data": {"task_id": attempt.provider_id, "status": "completed"}}

    answers = {Caller().post(hook(), body).content for _ in range(10)}

    assert answers == {b'{"code":200,"data":null,"message":"success"}'}
    assert state(attempt) == before


def test_callback_brings_the_next_look_forward(attempt: Attempt):
    body = {"timestamp": 1, "data": {"task_id": attempt.provider_id, "status": "completed"}}

    Caller().post(hook(), body)

    next_at = Attempt.objects.get(pk=attempt.pk).next_at
    assert next_at is not None
    assert next_at <= timezone.now()


def test_callback_of_an_attempt_that_ended_changes_nothing(attempt: Attempt):
    Attempt.objects.filter(pk=attempt.pk).update(
        state=Attempt.State.FAILED, next_at=None, ended_at=timezone.now()
    )
    before = state(attempt)

    assert Caller().post(hook(), {}).status_code in (200, 400)
    assert state(attempt) == before
    assert Attempt.objects.get(pk=attempt.pk).next_at is None


@pytest.mark.parametrize(
    "token", ["x", "a" * 64, "a" * 65, "%00", "..", "é", str(uuid.UUID(int=4)), "a.b", "'--"]
)
def test_unknown_token_is_not_found(attempt: Attempt, token: str):
    response = Caller().post(hook(token), {"data": {}})

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found"


def test_local_attempts_have_no_address(workspace: Workspace):
    Attempt.objects.create(
        task=task(workspace), number=1, provider="local", job="x", state=Attempt.State.RUNNING
    )

    for token in ("None", "null", ""):
        assert Caller().post(hook(token), {}).status_code == 404


def test_body_beyond_a_megabyte_is_refused_unread(attempt: Attempt):
    response = Caller().post(hook(), b"x" * (1024 * 1024 + 1))

    assert response.status_code == 413
    assert response.json()["error"]["type"] == "payload_too_large"
    assert Caller().post(hook(), b"x" * (1024 * 1024)).status_code in (200, 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_only_post_is_possible(attempt: Attempt, method: str):
    response = Caller().call(method, hook())

    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"


def test_no_cookie_or_csrf_token_is_asked_for(attempt: Attempt):
    response = Client(enforce_csrf_checks=True).post(hook(), b"{}", content_type="text/plain")

    assert response.status_code in (200, 400)
    assert not response.cookies


def test_address_that_calls_too_often_is_slowed(attempt: Attempt, settings: Settings):
    settings.API_RATE_PER_MINUTE = 3
    address = "198.51.100.77"

    answers = [Caller().post(hook("x"), {}, REMOTE_ADDR=address) for _ in range(8)]

    # The minute of the clock may change in the middle.
    assert 429 in [answer.status_code for answer in answers]
    assert answers[0].status_code == 404
    slowed = next(answer for answer in answers if answer.status_code == 429)
    assert slowed.json()["error"]["type"] == "rate_limited"
    assert int(slowed["Retry-After"]) > 0
    assert Caller().post(hook(), {}, REMOTE_ADDR="198.51.100.78").status_code in (200, 400)


def test_unknown_path_below_hooks_is_an_envelope():
    assert Caller().post("/hooks/nobody/x", {}).json()["error"]["type"] == "not_found"
