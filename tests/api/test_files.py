"""Files by their unguessable address: whole, in part, conditional, safe to open, gone in time; and uploads."""

import base64
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.files.models import StoredFile
from apps.files.services import store
from tests.api.conftest import Caller, caller_of
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db
BYTES = bytes(range(256)) * 1000
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
UPLOAD = "/api/ephemeral_resource"


def keep(workspace: Workspace, content_type: str = "image/png", data: bytes = BYTES) -> StoredFile:
    return store.keep(
        workspace_id=workspace.pk,
        kind=StoredFile.Kind.OUTPUT,
        content=store.Content(data, content_type, "bin"),
        expires_at=timezone.now() + timedelta(days=1),
    )


def fetch(file: StoredFile, method: str = "get", **headers: str) -> Any:
    return getattr(Client(), method)(f"/files/{file.key}", **headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_file_is_served_whole_with_headers_that_keep_it_a_file(workspace: Workspace):
    file = keep(workspace)

    response = fetch(file)

    assert body(response) == BYTES
    assert response.status_code == 200
    expected = {
        "Content-Type": "image/png",
        "Content-Length": str(len(BYTES)),
        "Content-Disposition": f'inline; filename="{file.key.rpartition("/")[2]}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.id.hex}"',
        "Cache-Control": response["Cache-Control"],
    }
    assert {name: response[name] for name in expected} == expected
    assert response["Cache-Control"].startswith("private, max-age=")
    assert not response.cookies


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/jpeg", "inline"),
        ("audio/wav", "inline"),
        ("video/mp4", "inline"),
        ("model/gltf-binary", "attachment"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/json", "attachment"),
    ],
)
def test_only_pictures_sound_and_film_open_in_place(
    workspace: Workspace, content_type: str, kind: str
):
    response = fetch(keep(workspace, content_type))

    assert response["Content-Disposition"].partition(";")[0] == kind
    assert response["Content-Type"] == content_type
    body(response)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, 256_000),
        ("bytes=-1", 255_999, 256_000),
        ("bytes=-999999999", 0, 256_000),
        ("bytes=255999-999999999", 255_999, 256_000),
        ("bytes=65535-131073", 65_535, 131_074),
    ],
)
def test_range_gives_exactly_these_bytes(workspace: Workspace, asked: str, start: int, stop: int):
    response = fetch(keep(workspace), HTTP_RANGE=asked)

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/256000"
    assert response["Content-Length"] == str(stop - start)
    assert body(response) == BYTES[start:stop]


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=999999999-", "bytes=-0"])
def test_range_outside_of_the_file_is_416(workspace: Workspace, asked: str):
    response = fetch(keep(workspace), HTTP_RANGE=asked)

    assert (response.status_code, response["Content-Range"]) == (416, "bytes */256000")
    assert body(response) == b""


@pytest.mark.parametrize(
    "asked", ["", "bytes=", "bytes=-", "bytes=5-1", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "é"]
)
def test_range_that_makes_no_sense_gives_the_whole(workspace: Workspace, asked: str):
    response = fetch(keep(workspace), HTTP_RANGE=asked)

    assert response.status_code == 200
    assert body(response) == BYTES


def test_if_range_gives_the_part_only_of_the_same_bytes(workspace: Workspace):
    file = keep(workspace)
    same = fetch(file, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=f'"{file.id.hex}"')
    other = fetch(file, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE='"other"')
    by_date = fetch(file, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=same["Last-Modified"])

    assert [r.status_code for r in (same, other, by_date)] == [206, 200, 206]
    assert [len(body(r)) for r in (same, other, by_date)] == [10, len(BYTES), 10]


@pytest.mark.parametrize(
    ("tag", "status"), [("{}", 304), ("W/{}", 304), ('"x", {}', 304), ('"x"', 200)]
)
def test_if_none_match_spares_the_bytes(workspace: Workspace, tag: str, status: int):
    file = keep(workspace)

    response = fetch(file, HTTP_IF_NONE_MATCH=tag.format(f'"{file.id.hex}"'))

    assert response.status_code == status
    assert response["ETag"] == f'"{file.id.hex}"'
    assert len(body(response)) == (0 if status == 304 else len(BYTES))


def test_head_tells_the_length_and_ignores_ranges(workspace: Workspace):
    response = fetch(keep(workspace), "head", HTTP_RANGE="bytes=0-9")

    assert (response.status_code, response["Content-Length"]) == (200, "256000")
    assert body(response) == b""


def test_empty_file_is_served_empty(workspace: Workspace):
    file = keep(workspace, data=b"")

    assert body(fetch(file)) == b""
    assert fetch(file, HTTP_RANGE="bytes=0-").status_code == 416


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_files_can_only_be_read(workspace: Workspace, method: str):
    response = fetch(keep(workspace), method)

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_expired_file_is_gone_before_the_sweep(workspace: Workspace):
    file = keep(workspace)
    StoredFile.objects.of(workspace.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    response = fetch(file)

    assert (response.status_code, response.content) == (404, b"404 page not found")


def test_file_whose_bytes_are_lost_is_not_found(workspace: Workspace):
    file = keep(workspace)
    default_storage.delete(file.key)

    assert fetch(file).status_code == 404


@pytest.mark.parametrize(
    "key",
    [
        "mj/x.png",
        "../settings.py",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "mj/%00.png",
        "/etc/passwd",
        "mj/é.png",
        "a" * 500,
        "%ff",
        ".",
    ],
)
def test_strange_paths_are_not_found(key: str):
    assert Client().get(f"/files/{key}").status_code == 404


def test_file_in_a_bucket_is_a_signed_link_with_our_type(workspace: Workspace, settings: Settings):
    file = keep(workspace, "model/gltf-binary")
    options = {"bucket_name": "b", "region_name": "eu-x", "access_key": "a", "secret_key": "s"}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }

    response = fetch(file)

    link = urlsplit(response["Location"])
    asked = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert response.status_code == 302
    assert link.path.endswith(file.key)
    assert asked["response-content-type"] == "model/gltf-binary"
    assert asked["response-content-disposition"].startswith("attachment")
    assert "Signature" in asked or "X-Amz-Signature" in asked
    assert response["Cache-Control"] == "private, max-age=300"


# ---------------------------------------------------------------------- uploads
def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "name", ["hello.png", "HELLO.PNG", "a.b.png", "ö/..\\x.png", "a" * 124 + ".png"]
)
@pytest.mark.parametrize("form", ["{}", "data:image/png;base64,{}"])
def test_upload_answers_with_a_url_that_serves_the_bytes(api: Caller, name: str, form: str):
    response = api.post(UPLOAD, {"file_name": name, "file_data": form.format(encoded(PNG))})

    assert response.status_code == 200
    answer = response.json()
    url = answer["data"]["url"]
    assert answer == {"code": 200, "data": {"url": url}, "message": "success"}
    prefix, _, file = url.rpartition("/")
    assert prefix == "http://testserver/files/ephemeral"
    assert str(uuid.UUID(file.removesuffix(".png"))) + ".png" == file
    served: Any = Client().get(url.removeprefix("http://testserver"))
    assert (body(served), served["Content-Type"]) == (PNG, "image/png")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jpeg", b"\xff\xd8\xff" + b"0" * 9),
        ("a.webp", b"RIFF0000WEBP"),
        ("a.mp4", b"0000ftypisom"),
        ("a.wav", b"RIFF0000WAVE"),
        ("a.mp3", b"ID3" + b"0" * 9),
        ("a.png", b"a format that we do not know"),
    ],
)
def test_every_kind_of_upload_is_taken(api: Caller, name: str, data: bytes):
    response = api.post(UPLOAD, {"file_name": name, "file_data": encoded(data)})

    assert response.json()["data"]["url"].endswith(name[1:])


@pytest.mark.parametrize(
    "received",
    [
        {},
        {"file_name": "a.png"},
        {"file_data": encoded(PNG)},
        {"file_name": "", "file_data": encoded(PNG)},
        {"file_name": None, "file_data": encoded(PNG)},
        {"file_name": ["a.png"], "file_data": encoded(PNG)},
        {"file_name": "a" * 125 + ".png", "file_data": encoded(PNG)},
        {"file_name": "png", "file_data": encoded(PNG)},
        {"file_name": "a.svg", "file_data": encoded(b"<svg/>")},
        {"file_name": "a.html", "file_data": encoded(b"<html>")},
        {"file_name": "a.png.exe", "file_data": encoded(PNG)},
        {"file_name": "a.jpg", "file_data": encoded(PNG)},
        {"file_name": "a.png", "file_data": ""},
        {"file_name": "a.png", "file_data": 1},
        {"file_name": "a.png", "file_data": "%%%"},
        {"file_name": "a.png", "file_data": encoded(b"<script>")},
        {"file_name": "a.png", "file_data": "https://example.com/a.png"},
        {"file_name": "a.png", "file_data": f"data:image/jpeg;base64,{encoded(PNG)}"},
        {"file_name": "a.png", "file_data": f"data:text/html;base64,{encoded(PNG)}"},
        {"file_name": "a.png", "file_data": f"DATA:;base64,{encoded(PNG)}"},
        {"file_name": "a.png", "file_data": "data:image/png,hello"},
    ],
)
def test_upload_that_does_not_fit_is_refused_and_leaves_nothing(
    api: Caller, workspace: Workspace, received: dict[str, Any]
):
    response = api.post(UPLOAD, received)

    assert response.status_code == 400
    assert response.json()["message"] == "Invalid request parameters"
    assert response.json()["error"]["detail"]["field"] in ("file_name", "file_data")
    assert not StoredFile.objects.of(workspace.pk).exists()


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413), (8_000_000, 413)])
def test_upload_of_more_than_ten_megabytes_is_refused(api: Caller, extra: int, status: int):
    data = PNG + b"0" * (10 * 1024 * 1024 - len(PNG) + extra)

    assert (
        api.post(UPLOAD, {"file_name": "a.png", "file_data": encoded(data)}).status_code == status
    )


def test_hobbyist_cannot_upload():
    caller = caller_of(WorkspaceFactory.create(plan="hobbyist"))

    response = caller.post(UPLOAD, {"file_name": "a.png", "file_data": encoded(PNG)})

    assert (response.status_code, response.json()["message"]) == (403, "Insufficient plan level")


def test_upload_lives_for_a_day(api: Caller, workspace: Workspace, settings: Settings):
    api.post(UPLOAD, {"file_name": "a.png", "file_data": encoded(PNG)})

    file = StoredFile.objects.of(workspace.pk).get()
    hours = (file.expires_at - file.created_at).total_seconds() / 3600
    assert (round(hours, 2), settings.UPLOAD_HOURS) == (24.0, 24)
