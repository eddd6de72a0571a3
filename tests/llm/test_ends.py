"""What each end of an attempt costs: the table of docs/llm/billing.md, row by row, over HTTP."""

import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apps.billing.models import Wallet
from apps.billing.services import movements
from apps.llm import policies
from tests.factories.byoa import account
from tests.llm.service import Service, asking, wait_for

# Points for a token read and one written.
READ, WRITTEN = 1.125, 4.5
# "Hello there" is eleven bytes.
CUT = {"words": ["Hello", " there", ".", " Bye."], "after": 2}


def cost(read: int, written: int) -> int:
    return -int(-(read * READ + written * WRITTEN) // 1) if written else 0


def counted(script: Any) -> int:
    """Tokens that are read, by our rule."""
    return policies.tokens_of(len(script if isinstance(script, str) else json.dumps(script)))


def told(service: Service, count: int = 1) -> list[tuple[Any, ...]]:
    """What the rows say, oldest first."""
    return [
        (
            row.end,
            row.usage_source,
            row.input_tokens,
            row.output_tokens,
            row.points,
            row.written_off,
        )
        for row in service.usage_when(count)
    ]


def text_of(found: list[Any]) -> str:
    return "".join(
        one["choices"][0]["delta"].get("content") or ""
        for one in found
        if isinstance(one, dict) and one.get("choices")
    )


@pytest.fixture
def impatient(settings: Any) -> None:
    """Providers have half a second for anything."""
    settings.LLM_FIRST_BYTE_SECONDS = 0.5
    settings.LLM_IDLE_SECONDS = 0.5


# ------------------------------------------------------------------------------ whole and empty
@pytest.mark.parametrize("stream", [True, False])
def test_a_completed_answer_costs_what_was_reported_else_counted(
    service: Service, stream: bool
) -> None:
    uncounted = {"usage": "none"}
    answers = [service.chat(script, stream=stream) for script in ("Hi", uncounted)]

    assert [answer.status_code for answer in answers] == [200, 200]
    due = cost(10, 3), cost(counted(uncounted), 3)
    assert told(service, 2) == [
        ("completed", "reported", 10, 3, due[0], 0),
        ("completed", "counted", counted(uncounted), 3, due[1], 0),
    ]
    assert service.spent() == sum(due)


@pytest.mark.parametrize("stream", [True, False])
def test_an_empty_answer_is_free(service: Service, stream: bool) -> None:
    uncounted = {"words": [], "usage": "none"}
    for script in ({"words": []}, uncounted):
        assert service.chat(script, stream=stream).status_code == 200

    assert told(service, 2) == [
        ("empty", "reported", 10, 0, 0, 0),
        ("empty", "counted", counted(uncounted), 0, 0, 0),
    ]
    assert service.spent() == 0


_IMPOSSIBLE: list[Any] = [
    {"prompt_tokens": -10, "completion_tokens": -3},
    {"prompt_tokens": 10**12, "completion_tokens": 3},
    {"prompt_tokens": 10, "completion_tokens": 10**8},
    {"prompt_tokens": 100_000, "completion_tokens": 3},
    {"prompt_tokens": 10.5, "completion_tokens": 3.5},
    {"prompt_tokens": "10", "completion_tokens": "3"},
    {"prompt_tokens": 10, "completion_tokens": 0},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"prompt_tokens": True, "completion_tokens": None},
    {},
    [],
    "many",
    7,
]


@pytest.mark.parametrize("stream", [True, False])
def test_usage_that_cannot_be_is_counted_by_us(service: Service, stream: bool) -> None:
    expected = []
    for usage in _IMPOSSIBLE:
        script = {"usage": usage}
        assert service.chat(script, stream=stream).status_code == 200, usage
        read = counted(script)
        expected.append(("completed", "counted", read, 3, cost(read, 3), 0))

    assert told(service, len(expected)) == expected
    assert service.spent() == sum(points for *_, points, _ in expected)


def test_parts_that_contradict_their_total_make_it_no_dearer(service: Service) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 10**6}}
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": -1, **details}
    service.chat({"usage": usage})

    # All ten of the cache, at half the price.
    due = -int(-(10 * READ / 2 + 3 * WRITTEN) // 1)
    assert told(service) == [("completed", "reported", 10, 3, due, 0)]
    assert service.spent() == due


# ------------------------------------------------------------------------------------- broken off
@pytest.mark.usefixtures("impatient")
def test_a_stream_that_breaks_off_costs_what_had_arrived(service: Service) -> None:
    faults = ("cut", "garbage", "half", "error", "stop", "hang")
    _more_accounts(service, len(faults))
    expected = []
    for fault in faults:
        script = CUT | {"fault": fault}
        found = service.stream(script)
        assert (text_of(found), found[-1]) == ("Hello there", "[DONE]"), fault
        assert found[-2]["error"]["type"] == "no_route", fault
        end, read = "timed_out" if fault == "hang" else "upstream_cut", counted(script)
        expected.append((end, "counted", read, 3, cost(read, 3), 0))

    assert told(service, len(expected)) == expected
    assert service.spent() == sum(points for *_, points, _ in expected)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "end", "stream"),
    [
        ("status:500", "failed", True),
        ("status:500", "failed", False),
        ("status:429", "failed", True),
        ("status:401", "failed", False),
        ("error200", "failed", True),
        ("error200", "failed", False),
        ("html", "failed", True),
        ("html", "failed", False),
        ("empty", "failed", True),
        ("empty", "failed", False),
        ("drop", "failed", True),
        ("late", "timed_out", True),
        ("late", "timed_out", False),
    ],
)
def test_what_fails_before_an_answer_is_free(
    service: Service, fault: str, end: str, stream: bool
) -> None:
    script = {"before": 30} if fault == "late" else {"fault": fault}
    answer = service.chat(script, stream=stream)

    assert answer.status_code == 503, answer.text
    assert answer.json()["error"]["type"] == "no_route"
    assert int(answer.headers["retry-after"]) > 0
    assert told(service) == [(end, "none", 0, 0, 0, 0)]
    assert service.spent() == 0


def _more_accounts(service: Service, count: int) -> None:
    """Each failure lets an account rest for a second."""
    for number in range(count):
        account(provider="openai", label=f"More {number}", base_url=service.provider.url)


@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_is_free_and_asked_nowhere_else(service: Service, stream: bool) -> None:
    script = {"fault": "status:400", "message": "temperature is too warm"}
    answer = service.chat(script, stream=stream)

    assert answer.status_code == 400
    assert "temperature is too warm" in answer.json()["error"]["message"]
    assert told(service) == [("refused", "none", 0, 0, 0, 0)]
    assert len(service.provider.seen) == 1
    assert service.spent() == 0


def test_what_a_provider_says_never_keeps_a_row_from_being_written(service: Service) -> None:
    messages = ["a\x00b", "half \ud83d of it", "x" * 5000, "", "\x1b[31m<script>"]
    for message in messages:
        for stream in (True, False):
            script = {"fault": "status:400", "message": message}
            assert service.chat(script, stream=stream).status_code == 400, message

    assert told(service, 10) == [("refused", "none", 0, 0, 0, 0)] * 10
    assert service.spent() == 0


# ------------------------------------------------------------------------------------ client left
def test_what_a_broken_off_answer_says_of_its_input_counts(service: Service) -> None:
    service.stream(CUT | {"fault": "cut", "is_telling": True})

    assert told(service) == [("upstream_cut", "counted", 10, 3, cost(10, 3), 0)]
    assert service.spent() == cost(10, 3)


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_a_client_that_leaves_pays_for_what_had_arrived_and_the_provider_is_cut_off(
    service: Service, how: str
) -> None:
    script = {"words": [" ABC"], "times": 5_000, "delay": 0.01}
    received = _some_of(service, script, words=5, how=how)

    [(end, source, read, written, points, _)] = told(service)
    wait_for(lambda: service.provider.under_way == 0, seconds=2)
    assert service.provider.cut_by_caller == 1
    assert (end, source, read) == ("client_left", "counted", counted(script))
    assert received <= written <= service.provider.delivered < 1_000
    assert points == cost(read, written)
    assert service.spent() == points


def test_a_client_that_leaves_before_anything_came_pays_nothing(service: Service) -> None:
    with _connected(service, asking({"before": 30}, stream=True)):
        wait_for(lambda: service.provider.under_way == 1)

    assert told(service) == [("client_left", "none", 0, 0, 0, 0)]
    wait_for(lambda: service.provider.under_way == 0, seconds=2)
    assert service.spent() == 0


def test_a_whole_answer_is_drained_and_charged_though_nobody_waits(service: Service) -> None:
    with _connected(service, asking({"before": 0.3})):
        wait_for(lambda: service.provider.under_way == 1)

    assert told(service) == [("completed", "reported", 10, 3, cost(10, 3), 0)]
    assert service.provider.cut_by_caller == 0
    assert service.spent() == cost(10, 3)


def _connected(service: Service, body: dict[str, Any]) -> socket.socket:
    """A connection on which a chat completion was asked for."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {service.key}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    found = socket.create_connection((host, int(port)), timeout=20)
    found.sendall(head.encode() + data)
    return found


def _some_of(service: Service, script: Any, *, words: int, how: str) -> int:
    """Read so many words of a stream, at least, and go. Says how many came."""
    came = b""
    with _connected(service, asking(script, stream=True)) as connection:
        while came.count(b" ABC") < words:
            came += connection.recv(4096)
        if how == "RST":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return came.count(b" ABC")


# --------------------------------------------------------------------------------- out of credits
def test_a_stream_ends_when_the_credits_are_used_up(service: Service) -> None:
    poor = service.customer(points=600)
    script = {"words": [" ABC"], "times": 400}
    found = poor.stream(script)

    assert found[-1] == "[DONE]"
    error = found[-2]["error"]
    assert (error["type"], "in the middle" in error["message"]) == ("insufficient_credits", True)
    [(end, source, read, written, points, written_off)] = told(poor)
    assert (end, source, read) == ("out_of_credits", "counted", counted(script))
    assert written == text_of(found).count(" ABC") > 0
    assert (points, written_off) == (cost(read, written), 0)
    assert poor.spent() == points <= 600
    assert poor.provider.under_way == 0


@pytest.mark.parametrize("grace", [20])
def test_credits_that_come_in_during_the_grace_let_the_stream_go_on(service: Service) -> None:
    poor = service.customer(points=600)
    script = {"words": [" ABC"], "times": 400}
    with ThreadPoolExecutor() as asking_meanwhile:
        stream = asking_meanwhile.submit(poor.stream, script)
        wait_for(lambda: Wallet.objects.of(poor.workspace.pk).get().available == 0)
        movements.grant(
            workspace_id=poor.workspace.pk, points=1_000_000, reference="test:more", note="More."
        )
        found = stream.result()

    assert found[-1] == "[DONE]"
    assert text_of(found) == " ABC" * 400
    assert told(poor) == [("completed", "reported", 10, 400, cost(10, 400), 0)]
    poor.points += 1_000_000
    assert poor.spent() == cost(10, 400)
