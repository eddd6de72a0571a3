import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.errors import NotFound
from apps.files import jobs, selectors
from apps.files.models import StoredFile
from apps.files.services import store
from apps.files.services.store import CannotStore, Content
from tests.factories import WorkspaceFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]

PNG = Content(b"\x89PNG\r\n\x1a\n" + b"x" * 10, "image/png", "png")
Kind = StoredFile.Kind


def keep(
    workspace: Workspace,
    *,
    kind: StoredFile.Kind = Kind.OUTPUT,
    content: Content = PNG,
    expires_at: datetime | None = None,
    task_id: uuid.UUID | None = None,
) -> StoredFile:
    return store.keep(
        workspace_id=workspace.pk,
        kind=kind,
        content=content,
        expires_at=expires_at or timezone.now() + timedelta(days=1),
        task_id=task_id,
    )


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_kept_file_has_a_row_and_its_bytes(workspace: Workspace, folder: Path):
    expires_at, task_id = timezone.now() + timedelta(days=3), uuid.uuid4()

    file = keep(workspace, expires_at=expires_at, task_id=task_id)

    file.refresh_from_db()
    assert (file.workspace_id, file.kind, file.task_id) == (workspace.pk, "OUTPUT", task_id)
    assert (file.content_type, file.size, file.expires_at) == ("image/png", 18, expires_at)
    assert bytes_below(folder) == {file.key: PNG.data}
    assert store.url_of(file) == f"http://testserver/files/{file.key}"


@pytest.mark.parametrize(
    ("kind", "content_type", "extension", "path"),
    [
        (Kind.OUTPUT, "image/png", "png", "mj"),
        (Kind.OUTPUT, "video/mp4", "mp4", "videos"),
        (Kind.OUTPUT, "audio/wav", "wav", "outputs"),
        (Kind.OUTPUT, "model/gltf-binary", "glb", "outputs"),
        (Kind.INPUT, "image/png", "png", "temp"),
        (Kind.UPLOAD, "image/png", "png", "ephemeral"),
    ],
)
def test_path_is_a_folder_and_a_random_name(
    workspace: Workspace, kind: StoredFile.Kind, content_type: str, extension: str, path: str
):
    content = Content(b"x", content_type, extension)

    first, second = (keep(workspace, kind=kind, content=content) for _ in range(2))

    folder, _, name = first.key.partition("/")
    assert folder == path
    assert uuid.UUID(name.removesuffix(f".{extension}")).version == 4
    assert first.key != second.key


def test_row_is_there_before_the_bytes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []
    save = FileSystemStorage.save

    def watched(self: FileSystemStorage, name: str, content: Any, **options: Any) -> str:
        seen.append(StoredFile.objects.of(workspace.pk).filter(key=name).count())
        return save(self, name, content, **options)

    monkeypatch.setattr(FileSystemStorage, "save", watched)

    keep(workspace)

    assert seen == [1]


def test_upload_is_kept_for_a_day(workspace: Workspace):
    before = timezone.now()

    file = store.keep_upload(workspace_id=workspace.pk, content=PNG)

    assert file.kind == "UPLOAD"
    assert timedelta(hours=24) <= file.expires_at - before < timedelta(hours=24, minutes=1)


def test_storage_that_fails_leaves_nothing(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def break_off(self: FileSystemStorage, name: str, content: Any) -> str:
        (folder / "mj").mkdir()
        (folder / name).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", break_off)

    with pytest.raises(CannotStore):
        keep(workspace)

    assert StoredFile.objects.of(workspace.pk).count() == 0
    assert bytes_below(folder) == {}


def test_bytes_the_storage_does_not_let_go_of_are_found_by_the_sweep(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    file = keep(workspace)
    with monkeypatch.context() as broken:
        broken.setattr(FileSystemStorage, "delete", _fail)
        store.discard([file])
    assert bytes_below(folder) == {file.key: PNG.data}

    jobs.sweep()

    file.refresh_from_db()
    assert file.deleted_at is not None
    assert bytes_below(folder) == {}


def _fail(self: FileSystemStorage, name: str) -> None:
    raise OSError("Input/output error")


def test_discarded_files_are_gone_with_their_rows(workspace: Workspace, folder: Path):
    unwanted, wanted = keep(workspace), keep(workspace)

    store.discard([unwanted])

    assert [file.pk for file in StoredFile.objects.of(workspace.pk)] == [wanted.pk]
    assert bytes_below(folder) == {wanted.key: PNG.data}


def test_sweep_removes_what_has_expired_and_keeps_the_row(workspace: Workspace, folder: Path):
    now = timezone.now()
    over = [keep(workspace, expires_at=now - timedelta(seconds=n)) for n in (0, 1, 86_400)]
    kept = keep(workspace, expires_at=now + timedelta(minutes=1))

    jobs.sweep()

    assert bytes_below(folder) == {kept.key: PNG.data}
    deleted = StoredFile.objects.of(workspace.pk).filter(deleted_at__isnull=False)
    assert {file.pk for file in deleted} == {file.pk for file in over}


def test_sweep_goes_on_until_nothing_is_left(workspace: Workspace, folder: Path):
    for _ in range(5):
        keep(workspace, expires_at=timezone.now())

    assert [store.remove_expired(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert bytes_below(folder) == {}


def test_file_whose_bytes_are_gone_already_is_swept(workspace: Workspace):
    file = keep(workspace, expires_at=timezone.now())
    default_storage.delete(file.key)

    assert store.remove_expired() == 1


def test_file_is_served_by_its_path_until_its_time_is_over(workspace: Workspace):
    file = keep(workspace)
    assert selectors.servable(key=file.key) == file

    # Before any sweep has come by.
    StoredFile.objects.of(workspace.pk).update(expires_at=timezone.now())

    with pytest.raises(NotFound):
        selectors.servable(key=file.key)


@pytest.mark.parametrize("key", ["", "mj", "mj/unknown.png", "../mj/x.png", "/etc/passwd", "%"])
def test_other_paths_are_no_files(workspace: Workspace, key: str):
    keep(workspace)

    with pytest.raises(NotFound):
        selectors.servable(key=key)


def test_failure_in_the_log_does_not_give_the_path_away(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    file = keep(workspace, expires_at=timezone.now())
    monkeypatch.setattr(FileSystemStorage, "delete", _fail)

    assert store.remove_expired() == 0

    (record,) = [r for r in caplog.records if r.message == "file not removed"]
    assert record.file_id == str(file.pk)  # type: ignore[attr-defined]
    assert file.key not in str(vars(record))


@pytest.mark.parametrize("count", [1, 3])
def test_sweep_takes_one_look_and_one_update(
    workspace: Workspace, count: int, django_assert_num_queries: Any
):
    for _ in range(count):
        keep(workspace, expires_at=timezone.now())

    with django_assert_num_queries(2):
        store.remove_expired()


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_both_end_well(folder: Path):
    workspace = WorkspaceFactory.create()
    file = keep(workspace, expires_at=timezone.now())

    assert (store.remove_expired(), store.remove_expired()) == (1, 0)

    connection.close()
    assert not (folder / file.key).exists()
