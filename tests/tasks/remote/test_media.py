"""Files on their way in and out: providers get bytes and not addresses, customers get our addresses and not theirs."""

import base64
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone
from PIL import Image

from apps.accounts.models import Workspace
from apps.files.models import StoredFile
from apps.ops import audit
from apps.tasks.models import FailureCode, Status, Task
from tests.factories import WorkspaceFactory, picture, task
from tests.factories.byoa import account
from tests.tasks import rows
from tests.tasks.remote.conftest import attempts
from tests.upstream.files import png
from tests.upstream.provider import Provider

pytestmark = pytest.mark.django_db
Run = Callable[..., None]
SWAP = {"model": "Qubico/image-toolkit", "task_type": "face-swap"}


@pytest.fixture(autouse=True)
def _account(provider: Provider, settings: Any, tmp_path: Path) -> None:
    settings.FILES_ROOT = tmp_path
    account(base_url=provider.server.url, config={"poll_seconds": 0.05})


def inline() -> str:
    made = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def finished(found: Task, run: Run) -> Task:
    run()
    run(hurry=True)
    return rows.again(found)


def stored(workspace: Workspace) -> list[StoredFile]:
    return list(StoredFile.objects.of(workspace.pk).filter(kind="OUTPUT").order_by("id"))


def test_every_file_of_a_result_becomes_ours_wherever_it_stands(
    workspace: Workspace, provider: Provider, run: Run
):
    provider.knobs.set({
        "output": {
            "image_url": "{url}",
            "works": [{"video": {"resource": "{url}?second"}, "note": "see http in words"}],
            "again": "{url}",
            "deep": {"list": [["{url}?third"]]},
            "nothing": None,
            "number": 5,
        }
    })  # fmt: skip

    found = finished(picture(workspace), run)

    assert found.status == Status.COMPLETED
    files = {f"http://testserver/files/{file.key}" for file in stored(workspace)}
    output = found.output or {}
    shown = [
        output["image_url"],
        output["works"][0]["video"]["resource"],
        output["deep"]["list"][0][0],
    ]
    assert (set(shown), len(files)) == (files, 3)
    assert output["again"] == output["image_url"]
    assert (output["nothing"], output["number"]) == (None, 5)
    assert provider.server.url not in orjson.dumps(output).decode()


def test_more_files_than_any_task_has_are_refused(
    workspace: Workspace, provider: Provider, run: Run
):
    provider.knobs.set({"output": {"urls": [f"{{url}}?{n}" for n in range(41)]}})

    found = finished(picture(workspace), run)

    assert (found.status, found.error_code) == (Status.FAILED, FailureCode.OUTPUT_UNAVAILABLE)
    assert rows.balance(workspace) == (10_000_000, 0)


def test_provider_gets_our_files_and_the_customers_as_bytes(
    workspace: Workspace, provider: Provider, run: Run
):
    address = f"{provider.server.url}/files/customer.png"
    found = task(workspace, **SWAP, input={"target_image": inline(), "swap_image": address})

    run()

    (sent,) = provider.store.tasks.values()
    given = sent.body["input"]
    ours = base64.b64decode(given["target_image"].removeprefix("data:image/png;base64,"))
    theirs = base64.b64decode(given["swap_image"].removeprefix("data:image/png;base64,"))
    assert (ours, theirs) == (base64.b64decode(inline()), png("customer"))
    assert rows.again(found).input["swap_image"] == address


def test_account_that_takes_urls_gets_those_of_our_own_files_only(
    workspace: Workspace, provider: Provider, run: Run
):
    address = f"{provider.server.url}/files/customer.png"
    account(base_url=provider.server.url, config={"media": "url"}, turn=-(10**9))
    found = task(workspace, **SWAP, input={"target_image": inline(), "swap_image": address})

    run()

    (sent,) = provider.store.tasks.values()
    assert sent.body["input"]["target_image"] == found.input["target_image"]
    assert sent.body["input"]["swap_image"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    "address",
    [
        "http://10.255.255.1/x.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/x.png",
        "http://testserver/files/temp/00000000-0000-0000-0000-000000000000.png",
    ],
)
def test_input_that_may_not_be_fetched_fails_the_task_for_free_and_nothing_is_sent(
    workspace: Workspace, provider: Provider, run: Run, address: str
):
    found = task(workspace, **SWAP, input={"target_image": inline(), "swap_image": address})

    found = finished(found, run)

    assert (found.status, found.error_code) == (Status.FAILED, FailureCode.PROVIDER_FAILED)
    assert found.error_message.startswith("An input could not be fetched.")
    assert provider.store.seen == {}
    assert rows.balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []


def test_result_that_cannot_be_stored_fails_the_task_for_free_and_leaves_nothing(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "save", full)

    found = finished(picture(workspace), run)

    assert (found.status, found.error_code) == (Status.FAILED, FailureCode.OUTPUT_UNAVAILABLE)
    assert found.error_message == "The result could not be stored. Nothing was charged."
    assert attempts(found) == [{"state": "FAILED", "cost_points": 5000}]
    assert rows.balance(workspace) == (10_000_000, 0)
    assert [file for file in stored(workspace) if file.expires_at > timezone.now()] == []


@pytest.mark.parametrize(
    ("plan", "retention", "kept"),
    [
        ("hobbyist", "plan", timedelta(days=3)),
        ("premium", "plan", timedelta(days=30)),
        ("premium", "1h", timedelta(hours=1)),
        ("hobbyist", "1d", timedelta(days=1)),
        ("premium", "1y", timedelta(days=365)),
    ],
)
def test_result_is_kept_as_the_task_asked(plan: str, retention: str, kept: timedelta, run: Run):
    workspace = WorkspaceFactory.create(plan=plan)

    finished(picture(workspace, retention=retention), run)

    (file,) = stored(workspace)
    assert abs(file.expires_at - timezone.now() - kept) < timedelta(minutes=1)
    assert default_storage.exists(file.key)


def test_result_that_came_inline_becomes_a_file(workspace: Workspace, run: Run):
    found = finished(picture(workspace, "[result=inline]"), run)

    assert found.status == Status.COMPLETED
    (file,) = stored(workspace)
    assert (found.output or {})["image_url"] == f"http://testserver/files/{file.key}"
