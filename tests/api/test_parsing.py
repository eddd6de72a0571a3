"""Any bytes as a body: a contract error or a task, never a 500, and nothing left behind."""

import io
import json
from typing import Any

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.api import parsing
from apps.billing.models import Wallet
from apps.catalog.registry import all_specs
from apps.catalog.spec import TaskSpec
from apps.core.errors import InvalidRequest, TooLarge
from apps.files.models import StoredFile
from apps.tasks.models import Task
from tests.api.conftest import Caller
from tests.catalog.samples import fields, sample, schema_of, with_value
from tests.factories import ILLUSTRATION

TASK = "/api/v1/task"


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


REFUSED: dict[str, bytes] = {
    "no JSON": b"{",
    "text": b"hello",
    "form": b"a=1&b=2",
    "list": b"[]",
    "string": b'"a"',
    "number": b"1",
    "null": b"null",
    "two objects": b"{}{}",
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "latin-1": b'{"a":"\xe9"}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "raw NUL": b'{"a":"\x00"}',
    "escaped NUL": b'{"a":"\\u0000"}',
    "NUL in a key": b'{"a\\u0000":1}',
    "NUL deep inside": b'{"a":[{"b":["\\u0000"]}]}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone low surrogate": b'{"\\udc00":1}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "overflow": b'{"a":1e309}',
    "large float": b'{"a":1e308}',
    "2^63": b'{"a":9223372036854775808}',
    "-2^63-1": b'{"a":-9223372036854775809}',
    "2^70 in a list": b'{"a":[1180591620717411303424]}',
    "5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "too deep": nested(parsing.MAX_DEPTH + 1).encode(),
    "far too deep": nested(100_000).encode(),
    "deep lists": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "too many values": b'{"a":[' + b",".join([b"0"] * (parsing.MAX_NODES + 1)) + b"]}",
    "millions of values": b'{"a":[' + b",".join([b"0"] * 2_000_000) + b"]}",
    "too many keys": json.dumps({str(n): 0 for n in range(parsing.MAX_NODES + 1)}).encode(),
}
TAKEN: dict[str, tuple[bytes, Any]] = {
    "nothing": (b"", {}),
    "blanks": (b" \r\n\t", {}),
    "empty": (b"{}", {}),
    "2^63-1": (b'{"a":9223372036854775807}', {"a": 2**63 - 1}),
    "-2^63": (b'{"a":-9223372036854775808}', {"a": -(2**63)}),
    "emoji": ('{"😀":"é"}'.encode(), {"😀": "é"}),
    "surrogate pair": (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
    "escaped backslash": (b'{"a":"\\\\u0000"}', {"a": "\\u0000"}),
    "deepest": (nested(parsing.MAX_DEPTH - 1).encode(), json.loads(nested(parsing.MAX_DEPTH - 1))),
    "small float": (b'{"a":5e-324,"b":-0.0}', {"a": 5e-324, "b": -0.0}),
    "repeated key": (b'{"a":1,"a":2}', {"a": 2}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_body_that_we_cannot_hold_is_refused(name: str):
    request = RequestFactory().post("/", REFUSED[name], content_type="application/json")

    with pytest.raises(InvalidRequest):
        parsing.json_object(request)


@pytest.mark.parametrize("name", TAKEN)
def test_body_is_taken_as_it_is(name: str):
    raw, expected = TAKEN[name]
    request = RequestFactory().post("/", raw, content_type="text/plain")

    assert parsing.json_object(request) == expected


@pytest.mark.parametrize("length", ["", "0", "-1", "x", "5"])
def test_length_that_lies_is_no_fault_of_ours(length: str):
    request = RequestFactory().post("/", b'{"a":1}', content_type="x", CONTENT_LENGTH=length)

    if length in ("5", "x"):
        with pytest.raises(InvalidRequest):
            parsing.json_object(request)
    else:
        assert parsing.json_object(request) == {}


def test_body_without_a_length_is_read_and_capped(settings: Settings):
    settings.API_MAX_BODY_BYTES = 1000

    def chunked(raw: bytes) -> Any:
        request = RequestFactory().post("/", HTTP_TRANSFER_ENCODING="chunked")
        request.META["CONTENT_LENGTH"] = ""
        request.META["wsgi.input"] = io.BytesIO(raw)
        return parsing.json_object(request)

    assert chunked(b'{"a":1}') == {"a": 1}
    assert chunked(b'{"a":"%s"}' % (b"a" * 992)) == {"a": "a" * 992}
    with pytest.raises(TooLarge):
        chunked(b'{"a":"%s"}' % (b"a" * 993))


def test_announced_length_over_the_cap_is_refused_unread(settings: Settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.API_MAX_BODY_BYTES = 10
    request = RequestFactory().post("/", b'{"a":1}', content_type="x", CONTENT_LENGTH="11")

    with pytest.raises(TooLarge):
        parsing.json_object(request)


# ------------------------------------------------------- through the view, everywhere
HOSTILE = [
    "2147483648",
    "9007199254740993",
    "9223372036854775808",
    "1180591620717411303424",
    "-1",
    "1e308",
    "NaN",
    '"\\u0000"',
    '"\\ud800"',
    '"\U0001f600"',
    '""',
    "null",
    "true",
    "[]",
    "{}",
    "[" * 1000 + "]" * 1000,
    "[" * 40 + "]" * 40,
    '"data:image/png;base64,%%"',
    '"http://[::1"',
    '"{sentence}%s%n"',
    json.dumps("a" * 100_000),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spec", [pytest.param(spec, id="/".join(spec.name)) for spec in all_specs().values()]
)
def test_boundary_values_in_every_field_end_in_a_contract_answer(
    api: Caller, workspace: Workspace, spec: TaskSpec
):
    values = sample(spec)
    places = [path for path, _ in fields(schema_of(spec))]
    mark = "hostile-value-goes-here"

    statuses = set()
    for path in places:
        body = {
            "model": spec.model,
            "task_type": spec.task_type,
            "input": with_value(values, path, mark),
        }
        for hostile in HOSTILE:
            # Quoting is cheaper than creating, and takes the same way up to the write.
            raw = json.dumps(body).replace(f'"{mark}"', hostile)
            response = api.post(f"{TASK}/quote", raw)
            statuses.add(response.status_code)
            assert response.json()["code"] == response.status_code

    # An account that is named may not be nameable, a task to continue not there.
    lookups = {403, 404} if spec.family == "midjourney" else set()
    assert {400} <= statuses <= {200, 400} | lookups


@pytest.mark.django_db
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_can_be_stored_and_read_or_leave_nothing(
    api: Caller, workspace: Workspace, hostile: str
):
    raw = json.dumps({**ILLUSTRATION, "input": {"prompt": "a", "unknown": "@@", "@@": 1}})

    created = api.post(TASK, raw.replace('"@@"', hostile, 1))

    if created.status_code == 200:
        read = api.get(f"{TASK}/{created.json()['data']['task_id']}")
        assert read.json() == created.json()
    else:
        assert created.status_code == 400
        assert not Task.objects.of(workspace.pk).exists()
        assert not StoredFile.objects.of(workspace.pk).exists()
        assert Wallet.objects.of(workspace.pk).get().held == 0
