import base64
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from django.db import connection
from PIL import Image

from apps.accounts.models import Workspace
from apps.accounts.selectors import Identity
from apps.billing import selectors as billing
from apps.billing.services.caps import SpendLimitReached
from apps.billing.services.credits import InsufficientCredits
from apps.byoa.selectors import NoRoute, NoSeat
from apps.core.errors import InvalidRequest, TooLarge
from apps.core.sealing import unseal
from apps.files.models import StoredFile
from apps.notifications.models import Delivery
from apps.ops import audit
from apps.tasks import selectors
from apps.tasks.models import IdempotencyRecord, Task
from apps.tasks.presentation import task_data
from apps.tasks.services.create import IdempotencyConflict, create_task
from apps.tasks.services.request import TaskRequest
from tests.factories import ILLUSTRATION, WorkspaceFactory, identity
from tests.factories import task as created_task

pytestmark = pytest.mark.django_db

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def request(**changes: object) -> TaskRequest:
    return TaskRequest(**{**ILLUSTRATION, **changes})  # type: ignore[arg-type]


def test_create_holds_the_price_and_writes_task_event_and_ledger(workspace: Workspace):
    task = create_task(identity=identity(workspace), request=request()).task

    stored = Task.objects.of(workspace.pk).get()
    assert stored.id == task.id
    assert (stored.status, stored.price_points, stored.cost_points) == ("pending", 10_000, 0)
    assert stored.created_at == task.created_at
    assert stored.wake_at == stored.created_at
    assert [event.kind for event in stored.events.all()] == ["created"]
    wallet = billing.wallet(workspace_id=workspace.pk)
    assert (wallet.available, wallet.held) == (9_990_000, 10_000)
    assert audit.differences() == []


def test_create_without_credits_leaves_nothing_behind():
    workspace = WorkspaceFactory.create(points=9_999)

    with pytest.raises(InsufficientCredits):
        create_task(identity=identity(workspace), request=request())

    assert Task.objects.of(workspace.pk).count() == 0
    assert billing.wallet(workspace_id=workspace.pk).available == 9_999
    assert audit.differences() == []


def test_create_beyond_the_keys_cap_leaves_nothing_behind(workspace: Workspace):
    who = identity(workspace, cap_daily_points=15_000)
    create_task(identity=who, request=request())

    with pytest.raises(SpendLimitReached):
        create_task(identity=who, request=request())

    assert Task.objects.of(workspace.pk).count() == 1
    assert audit.differences() == []


def test_inline_media_becomes_a_file_with_a_url(workspace: Workspace):
    toolkit = request(
        model="Qubico/image-toolkit",
        task_type="background-remove",
        input={"image": PIXEL, "other": 1},
    )

    task = create_task(identity=identity(workspace), request=toolkit).task

    file = StoredFile.objects.of(workspace.pk).get()
    assert task.input == {"image": f"http://testserver/files/{file.key}", "other": 1}
    assert (file.kind, file.content_type, file.size) == ("INPUT", "image/png", 70)


def test_picture_with_too_many_pixels_is_refused_before_anything_is_kept(workspace: Workspace):
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    toolkit = request(
        model="Qubico/image-toolkit",
        task_type="background-remove",
        input={"image": base64.b64encode(bomb.getvalue()).decode()},
    )

    with pytest.raises(InvalidRequest, match="20000 × 20000 pixels") as refusal:
        create_task(identity=identity(workspace), request=toolkit)

    assert refusal.value.detail == {"field": "input.image"}
    assert StoredFile.objects.of(workspace.pk).count() == 0
    assert billing.wallet(workspace_id=workspace.pk).held == 0


def test_picture_with_a_damaged_header_is_refused_and_leaves_nothing(workspace: Workspace):
    damaged = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    swap = request(
        model="Qubico/image-toolkit",
        task_type="background-remove",
        input={"image": damaged},
    )

    with pytest.raises(InvalidRequest, match="damaged"):
        create_task(identity=identity(workspace), request=swap)

    assert StoredFile.objects.of(workspace.pk).count() == 0


def test_refused_create_removes_the_files_it_kept():
    workspace = WorkspaceFactory.create(points=0)
    toolkit = request(
        model="Qubico/image-toolkit", task_type="background-remove", input={"image": PIXEL}
    )

    with pytest.raises(InsufficientCredits):
        create_task(identity=identity(workspace), request=toolkit)

    assert StoredFile.objects.of(workspace.pk).count() == 0


def test_input_of_megabytes_besides_its_media_is_refused(workspace: Workspace):
    unknown = {**ILLUSTRATION["input"], "notes": "x" * 300_000}

    with pytest.raises(TooLarge):
        create_task(identity=identity(workspace), request=request(input=unknown))

    assert billing.wallet(workspace_id=workspace.pk).available == 10_000_000


def test_model_without_a_route_is_refused_before_any_credit_moves(workspace: Workspace):
    kling = request(model="kling", task_type="video_generation", input={"prompt": "a cat"})

    with pytest.raises(NoRoute):
        create_task(identity=identity(workspace), request=kling)

    assert billing.wallet(workspace_id=workspace.pk).available == 10_000_000


def test_private_without_a_seat_is_refused(workspace: Workspace):
    with pytest.raises(NoSeat):
        create_task(identity=identity(workspace), request=request(service_mode="private"))


@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://example.com/x",
        "http://",
        "http://127.0.0.1/x",
        "http://[::1]/x",
        "http://localhost/x",
        "http://169.254.169.254/latest",
        "http://user:pw@example.com/",
        "https://example.com:8443/x",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_webhook_endpoint_that_we_would_not_call_is_refused(workspace: Workspace, endpoint: str):
    with pytest.raises(InvalidRequest) as refusal:
        create_task(identity=identity(workspace), request=request(webhook_endpoint=endpoint))

    assert refusal.value.detail == {"field": "config.webhook_config.endpoint"}


def test_webhook_secret_is_sealed_to_its_task(workspace: Workspace):
    task = create_task(
        identity=identity(workspace),
        request=request(
            webhook_endpoint="https://example.com/hook", webhook_secret="canary-secret"
        ),
    ).task

    assert "canary" not in task.webhook_secret
    assert unseal(task.webhook_secret, bound_to=task.reference) == "canary-secret"


def test_same_idempotency_key_gives_the_same_task_and_moves_points_once(workspace: Workspace):
    who = identity(workspace)
    keyed = request(idempotency_key="k", fingerprint=b"1" * 32)

    first, second = (create_task(identity=who, request=keyed) for _ in "ab")

    assert (first.replayed, second.replayed) == (False, True)
    assert first.task.id == second.task.id
    assert billing.wallet(workspace_id=workspace.pk).held == 10_000


def test_repeated_request_gets_its_task_even_from_a_workspace_suspended_since(
    workspace: Workspace,
):
    who = identity(workspace)
    keyed = request(idempotency_key="k", fingerprint=b"1" * 32)
    first = create_task(identity=who, request=keyed)

    again = create_task(identity=replace(who, is_enabled=False), request=keyed)

    assert (again.replayed, again.task.id) == (True, first.task.id)


def test_idempotency_key_with_another_body_is_a_conflict(workspace: Workspace):
    who = identity(workspace)
    create_task(identity=who, request=request(idempotency_key="k", fingerprint=b"1" * 32))

    with pytest.raises(IdempotencyConflict):
        create_task(identity=who, request=request(idempotency_key="k", fingerprint=b"2" * 32))


def test_idempotency_key_of_a_neighbour_is_another_key(workspace: Workspace):
    keyed = request(idempotency_key="k", fingerprint=b"1" * 32)
    theirs = create_task(identity=identity(WorkspaceFactory.create()), request=keyed)

    mine = create_task(identity=identity(workspace), request=keyed)

    assert mine.replayed is False
    assert mine.task.id != theirs.task.id


def test_idempotency_key_is_free_again_after_a_day(workspace: Workspace):
    who = identity(workspace)
    keyed = request(idempotency_key="k", fingerprint=b"1" * 32)
    first = create_task(identity=who, request=keyed)
    record = IdempotencyRecord.objects.of(workspace.pk).get()
    record.created_at -= timedelta(hours=25)
    record.save(update_fields=["created_at"])

    second = create_task(identity=who, request=keyed)

    assert second.replayed is False
    assert second.task.id != first.task.id


def test_refused_request_does_not_use_up_its_idempotency_key():
    workspace = WorkspaceFactory.create(points=0)
    who = identity(workspace)
    keyed = request(idempotency_key="k", fingerprint=b"1" * 32)
    with pytest.raises(InsufficientCredits):
        create_task(identity=who, request=keyed)

    assert selectors.idempotency_record(workspace_id=workspace.pk, key="k") is None


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_concurrent_creates_never_overspend():
    workspace = WorkspaceFactory.create(points=50 * 10_000)
    who = identity(workspace)

    def create(_: int) -> bool:
        try:
            create_task(identity=who, request=request())
        except InsufficientCredits:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=16) as pool:
        accepted = list(pool.map(create, range(200)))

    assert accepted.count(True) == 50
    assert Task.objects.of(workspace.pk).count() == 50
    assert audit.differences() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cap", [{}, {"cap_total_points": 1_000_000_000}])
def test_concurrent_creates_with_the_same_keys_make_one_task_each(cap: dict[str, int]):
    workspace = WorkspaceFactory.create(points=10_000_000)
    who = identity(workspace, **cap)

    def create(n: int) -> str:
        try:
            keyed = request(idempotency_key=f"k{n % 10}", fingerprint=bytes([n % 10]) * 32)
            return str(_create(who, keyed))
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        ids = list(pool.map(create, range(160)))

    assert len(set(ids)) == 10
    assert Task.objects.of(workspace.pk).count() == 10
    assert billing.wallet(workspace_id=workspace.pk).held == 10 * 10_000
    assert audit.differences() == []


def _create(who: Identity, keyed: TaskRequest) -> object:
    return create_task(identity=who, request=keyed).task.id


@pytest.mark.parametrize("limit", [1, 0])
def test_webhook_of_the_creation_says_what_the_answer_says(workspace: Workspace, limit: int):
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=limit)
    endpoint = "https://hooks.example.com/tasks"

    made = created_task(workspace, webhook_endpoint=endpoint, webhook_secret="s3cret")

    delivery = Delivery.objects.of(workspace.pk).get()
    assert orjson.loads(delivery.body) == {
        "timestamp": int(made.created_at.timestamp()),
        "data": task_data(made),
    }
    assert (delivery.kind, delivery.subject, delivery.endpoint) == (
        "task.created",
        made.reference,
        endpoint,
    )
    assert delivery.occurred_at == made.created_at
    assert unseal(delivery.secret, bound_to=delivery.sealed_to) == "s3cret"
    assert made.status == ("pending" if limit else "staged")
