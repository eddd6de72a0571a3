"""Pages travel compressed, and only pages do."""

import gzip

from django.test import Client

from apps.accounts.models import Workspace

_TAKES = {"Accept-Encoding": "gzip"}


def test_page_is_compressed_for_who_can_read_that(workspace: Workspace, owner: Client) -> None:
    path = f"/w/{workspace.slug}/tasks"

    packed = owner.get(path, headers=_TAKES)
    plain = owner.get(path)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.content) < len(plain.content) / 3
    assert b"No tasks yet." in gzip.decompress(packed.content)
    assert b"No tasks yet." in plain.content
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_lengths_of_the_same_page_differ_so_that_they_tell_nothing(
    workspace: Workspace, owner: Client
) -> None:
    path = f"/w/{workspace.slug}/tasks"

    assert len({len(owner.get(path, headers=_TAKES).content) for _ in range(8)}) > 1


def test_answers_of_the_api_files_and_exports_are_not(workspace: Workspace, owner: Client) -> None:
    for path in ("/api/v1/models", f"/w/{workspace.slug}/tasks.csv", "/robots.txt"):
        answer = owner.get(path, headers=_TAKES)
        assert (path, answer.status_code, answer.headers.get("Content-Encoding")) == (
            path,
            200,
            None,
        )
