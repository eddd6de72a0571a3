import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.media import MediaError
from apps.files.models import StoredFile
from apps.files.services import media, store
from apps.files.services.media import MediaUnavailable
from apps.files.services.store import Content
from tests.core.servers import reply, serving
from tests.factories import WorkspaceFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def kept(workspace: Workspace) -> StoredFile:
    return store.keep_upload(workspace_id=workspace.pk, content=Content(PNG, "image/png", "png"))


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "data:text/html;base64,"])
def test_inline_media_becomes_a_file_of_the_workspace(workspace: Workspace, prefix: str):
    expires_at = timezone.now() + timedelta(hours=1)

    file = media.keep_inline(
        workspace_id=workspace.pk,
        value=prefix + base64.b64encode(PNG).decode(),
        expires_at=expires_at,
    )

    assert (file.workspace_id, file.kind, file.content_type) == (
        workspace.pk,
        "INPUT",
        "image/png",  # by its bytes, whatever the URI says
    )
    assert (file.size, file.expires_at) == (len(PNG), expires_at)
    assert file.key.endswith(".png")


def test_inline_media_of_unknown_format_is_refused(workspace: Workspace, folder: Path):
    with pytest.raises(MediaError):
        media.keep_inline(
            workspace_id=workspace.pk,
            value=base64.b64encode(b"<svg/>").decode(),
            expires_at=timezone.now(),
        )

    assert StoredFile.objects.of(workspace.pk).count() == 0
    assert list(folder.iterdir()) == []


def test_own_file_comes_from_the_storage(workspace: Workspace):
    # The suite lets nothing connect to "testserver": an HTTP request would fail.
    assert media.fetch(url=store.url_of(kept(workspace))) == PNG


def test_url_of_a_neighbours_file_is_enough_to_use_it(workspace: Workspace):
    theirs = kept(WorkspaceFactory.create())

    assert media.fetch(url=store.url_of(theirs)) == PNG


def test_expired_file_is_refused(workspace: Workspace):
    file = kept(workspace)
    StoredFile.objects.of(workspace.pk).update(expires_at=timezone.now())

    with pytest.raises(MediaUnavailable, match="does not exist any more"):
        media.fetch(url=store.url_of(file))


def test_file_whose_bytes_are_missing_is_refused(workspace: Workspace):
    file = kept(workspace)
    default_storage.delete(file.key)

    with pytest.raises(MediaUnavailable, match="does not exist any more"):
        media.fetch(url=store.url_of(file))


@pytest.mark.parametrize("path", ["", "unknown.png", "../../etc/passwd", "..%2f..%2fetc/passwd"])
def test_other_paths_below_our_files_are_refused(path: str):
    with pytest.raises(MediaUnavailable, match="does not exist any more"):
        media.fetch(url=f"http://testserver/files/{path}")


def test_foreign_url_goes_through_the_guard(settings: Any):
    with serving(reply(PNG, Content_Type="image/png")) as server:
        with pytest.raises(MediaUnavailable, match="not on the open internet"):
            media.fetch(url=server.url("/a.png"))
        settings.EGRESS_ALLOW = ["127.0.0.1/32"]
        assert media.fetch(url=server.url("/a.png")) == PNG

    assert server.paths == ["/a.png"]


def test_foreign_file_has_a_limit(settings: Any):
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]
    settings.MEDIA_MAX_BYTES = 17

    with serving(reply(PNG)) as server, pytest.raises(MediaUnavailable, match="larger than 17"):
        media.fetch(url=server.url())
