"""Events reach their endpoints, and what endpoints do to stop that."""

import json
import socket
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone

from apps.core import sealing
from apps.notifications.models import Delivery
from apps.notifications.services import signing
from tests.notifications.conftest import pass_time, seconds_to_next
from tests.notifications.receiver import Receiver, hang, hang_in_the_body, status

pytestmark = pytest.mark.django_db
Add = Callable[..., Delivery]
Pump = Callable[..., bool]


@pytest.fixture
def short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "TIMEOUT_SECONDS", 0.3)


def _log(delivery: Delivery) -> list[tuple[int | None, str]]:
    delivery.refresh_from_db()
    return [(entry["status"], entry["error"]) for entry in delivery.log]


def test_event_is_posted_once_and_its_row_says_so(receiver: Receiver, add: Add, pump: Pump):
    delivery = add(receiver.url(), body='{"timestamp":7,"data":{"x":"é"}}')

    assert pump() is False

    delivery.refresh_from_db()
    assert receiver.bodies() == ['{"timestamp":7,"data":{"x":"é"}}'.encode()]
    assert (delivery.state, delivery.attempts, delivery.claim) == ("DELIVERED", 1, 1)
    assert delivery.next_attempt_at is None
    assert delivery.ended_at is not None
    [entry] = delivery.log
    assert set(entry) == {"at", "status", "error", "ms"}
    assert (entry["status"], entry["error"]) == (200, "")
    assert abs(timezone.datetime.fromisoformat(entry["at"]) - delivery.ended_at) < timedelta(
        seconds=5
    )


def test_headers_without_a_secret_hold_no_signature(receiver: Receiver, add: Add, pump: Pump):
    delivery = add(receiver.url())
    pump()

    [got] = receiver.got
    del got.headers["webhook-timestamp"], got.headers["accept"]
    assert got.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "content-type": "application/json",
        "content-length": "25",
        "accept-encoding": "identity",
        "user-agent": "Modelyard-Webhooks/1",
        "webhook-id": f"msg_{delivery.event_id.hex}",
        "webhook-sequence": str(delivery.pk),
    }


def test_secret_is_echoed_and_signs(receiver: Receiver, add: Add, pump: Pump):
    add(
        receiver.url(),
        secret=sealing.seal("s3cret-a", bound_to="task:1"),
        sealed_to="task:1",
    )
    pump()

    [got] = receiver.got
    assert got.headers["x-webhook-secret"] == "s3cret-a"
    assert got.headers["webhook-signature"] == signing.signature(
        secret="s3cret-a",
        message_id=got.headers["webhook-id"],
        timestamp=int(got.headers["webhook-timestamp"]),
        body=got.body,
    )


def test_500_is_retried_twice_at_5_seconds_with_the_same_id_and_body(
    receiver: Receiver, add: Add, pump: Pump
):
    receiver.answers["/hook"] = status(500, b"our database says: hunter2")
    delivery = add(receiver.url())

    waits = []
    for _ in range(3):
        pump()
        waits.append(seconds_to_next(delivery))
        pass_time(waits[-1])

    assert [round(wait) for wait in waits[:2]] == [5, 5]
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert len(receiver.got) == 3
    assert _log(delivery) == [(500, "Not acknowledged.")] * 3
    assert "hunter2" not in json.dumps(delivery.log)


def test_nothing_is_sent_before_its_time(receiver: Receiver, add: Add, pump: Pump):
    receiver.answers["/hook"] = status(500)
    add(receiver.url())
    pump()
    pass_time(4)

    pump()

    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("dialect", "code", "state"),
    [
        ("unified", 200, "DELIVERED"),
        ("unified", 204, "DELIVERED"),
        ("unified", 299, "DELIVERED"),
        ("unified", 304, "WAITING"),
        ("unified", 404, "WAITING"),
        ("v2", 200, "DELIVERED"),
        ("v2", 204, "WAITING"),
        ("v2", 201, "WAITING"),
        ("v2", 410, "STOPPED"),
    ],
)
def test_what_acknowledges(
    receiver: Receiver, add: Add, pump: Pump, dialect: str, code: int, state: str
):
    receiver.answers["/hook"] = status(code)
    delivery = add(receiver.url(), dialect=dialect)
    pump()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (state, 1)


def test_redirect_is_a_failure_and_not_followed(receiver: Receiver, add: Add, pump: Pump):
    receiver.answers["/hook"] = status(307, Location=receiver.url("/elsewhere"))
    delivery = add(receiver.url())
    pump()

    assert [got.path for got in receiver.got] == ["/hook"]
    assert _log(delivery) == [(307, "Redirects are not followed.")]
    assert delivery.state == "WAITING"


def test_410_stops_at_once_for_good(receiver: Receiver, add: Add, pump: Pump):
    receiver.answers["/hook"] = status(410)
    delivery = add(receiver.url())
    pump()
    pass_time(10 * 24 * 3600)
    pump()

    assert _log(delivery) == [(410, "The endpoint is gone; this event is not sent to it again.")]
    assert (delivery.state, delivery.next_attempt_at) == ("STOPPED", None)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_in_seconds_is_heeded(receiver: Receiver, add: Add, pump: Pump, code: int):
    receiver.answers["/hook"] = status(code, Retry_After="1800")
    delivery = add(receiver.url())
    pump()

    assert 1799 < seconds_to_next(delivery) <= 1800


def test_retry_after_as_a_date_is_heeded(receiver: Receiver, add: Add, pump: Pump):
    at = timezone.now() + timedelta(hours=2)
    receiver.answers["/hook"] = status(429, Retry_After=format_datetime(at, usegmt=False))
    delivery = add(receiver.url())
    pump()

    assert 7190 < seconds_to_next(delivery) <= 7201


def test_retry_after_counts_up_to_a_day(receiver: Receiver, add: Add, pump: Pump):
    receiver.answers["/hook"] = status(429, Retry_After="99999999999999999")
    delivery = add(receiver.url())
    pump()

    assert 86_399 < seconds_to_next(delivery) <= 86_400


def test_retry_after_of_other_statuses_says_nothing(receiver: Receiver, add: Add, pump: Pump):
    receiver.answers["/hook"] = status(500, Retry_After="1800")
    delivery = add(receiver.url())
    pump()

    assert 4 < seconds_to_next(delivery) <= 5


@pytest.mark.usefixtures("short_time")
@pytest.mark.parametrize("behaviour", [hang, hang_in_the_body])
def test_receiver_that_hangs_is_left_after_the_time_out(
    receiver: Receiver, add: Add, pump: Pump, behaviour
):
    receiver.answers["/hook"] = behaviour
    delivery = add(receiver.url())
    pump()

    assert _log(delivery) == [(None, "The URL's server did not answer in time.")]
    assert 300 <= delivery.log[0]["ms"] < 3000
    assert delivery.state == "WAITING"


def test_receiver_with_an_endless_answer_is_cut(receiver: Receiver, add: Add, pump: Pump):
    receiver.answers["/hook"] = status(200, b"x" * (signing.MAX_ANSWER_BYTES + 1))
    delivery = add(receiver.url())
    pump()

    [(code, error)] = _log(delivery)
    assert code is None
    assert "larger than" in error


def test_receiver_that_is_not_there(receiver: Receiver, add: Add, pump: Pump):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    delivery = add(f"http://127.0.0.1:{port}/")
    pump()

    assert _log(delivery) == [(None, "The URL's server cannot be reached.")]
    assert delivery.state == "WAITING"


def test_private_address_is_refused_when_connecting(
    receiver: Receiver, add: Add, pump: Pump, settings
):
    settings.EGRESS_ALLOW = []
    delivery = add(receiver.url())
    pump()

    assert receiver.got == []
    assert _log(delivery) == [
        (None, "The URL leads to an address that is not on the open internet.")
    ]


def test_receiver_down_for_72_hours_gets_the_event_afterwards(
    receiver: Receiver, add: Add, pump: Pump
):
    receiver.answers["/hook"] = status(503)
    delivery = add(receiver.url())
    down = 0.0
    waits: list[float] = []
    while down < 72 * 3600:
        pump()
        waits.append(seconds_to_next(delivery))
        down += waits[-1]
        pass_time(waits[-1])
    del receiver.answers["/hook"]

    pump()

    delivery.refresh_from_db()
    assert delivery.state == "DELIVERED"
    assert [entry["status"] for entry in delivery.log] == [503] * len(waits) + [200]
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    contract = [5, 5, 60, 600, 3_600, 21_600, 86_400]
    assert all(
        least - 1 < wait <= least * 1.1
        for wait, least in zip(waits, [*contract, *[43_200] * 9], strict=False)
    )


def test_receiver_that_never_answers_well_is_given_up_after_5_days(
    receiver: Receiver, add: Add, pump: Pump, caplog: pytest.LogCaptureFixture
):
    receiver.answers["/hook"] = status(500)
    delivery = add(receiver.url())
    age = 0.0
    while delivery.state == "WAITING":
        pump()
        delivery.refresh_from_db()
        if delivery.state == "WAITING":
            wait = seconds_to_next(delivery)
            age += wait
            pass_time(wait)

    assert delivery.state == "FAILED"
    assert len(delivery.log) == delivery.attempts == len(receiver.got)
    # The last wait begins in time; a tenth of it may be added, so that receivers are not met by everybody at once.
    assert 4 * 86_400 < age <= 5 * 86_400 + 0.1 * 12 * 3_600
    [record] = [record for record in caplog.records if record.message == "delivery given up"]
    assert (record.workspace, record.status, record.attempt) == (  # type: ignore[attr-defined]
        delivery.workspace_id,
        500,
        delivery.attempts,
    )


def test_event_that_waited_for_us_longer_than_5_days_still_gets_its_eight_attempts(
    receiver: Receiver, add: Add, pump: Pump
):
    receiver.answers["/hook"] = status(500)
    delivery = add(receiver.url())
    pass_time(10 * 86_400)
    while delivery.state == "WAITING":
        pump()
        delivery.refresh_from_db()
        if delivery.state == "WAITING":
            pass_time(seconds_to_next(delivery))

    assert (delivery.state, delivery.attempts) == ("FAILED", 8)


def test_secret_that_cannot_be_opened_fails_alone(receiver: Receiver, add: Add, pump: Pump):
    broken = add(
        receiver.url("/broken"), secret=sealing.seal("a", bound_to="task:1"), sealed_to="task:2"
    )
    good = add(receiver.url("/good"))
    pump()

    assert [got.path for got in receiver.got] == ["/good"]
    assert _log(broken) == [
        (None, "The webhook secret can no longer be read, so nothing was sent.")
    ]
    assert broken.state == "FAILED"
    good.refresh_from_db()
    assert good.state == "DELIVERED"


@pytest.mark.parametrize(
    "endpoint", ["http://[::1", "ftp://127.0.0.1/", "http://", "x", "http://a b/"]
)
def test_endpoint_that_is_no_url_fails_alone(
    receiver: Receiver, add: Add, pump: Pump, endpoint: str
):
    broken, good = add(endpoint), add(receiver.url("/good"))
    pump()

    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.state, broken.attempts, broken.log[0]["status"]) == ("WAITING", 1, None)
    assert good.state == "DELIVERED"


def test_order_key_grows_with_the_events_of_a_subject(receiver: Receiver, add: Add, pump: Pump):
    for kind in ("created", "processing", "completed"):
        add(receiver.url(), kind=kind, body=kind)
    pump()

    ordered = sorted(receiver.got, key=lambda got: int(got.headers["webhook-sequence"]))
    assert [got.body for got in ordered] == [b"created", b"processing", b"completed"]


def test_neither_secret_nor_body_nor_answer_is_logged(
    receiver: Receiver, add: Add, pump: Pump, caplog: pytest.LogCaptureFixture, capfd
):
    caplog.set_level("DEBUG")
    receiver.answers["/hook"] = status(410, b"canary-answer", X_Canary="canary-header")
    receiver.answers["/well"] = status(200, b"canary-answer")
    for path in ("/hook", "/well", "/hook?token=canary-query"):
        add(
            receiver.url(path),
            body='{"prompt":"canary-body"}',
            secret=sealing.seal("canary-secret", bound_to="task:1"),
            sealed_to="task:1",
        )
    pump()

    assert len(receiver.got) == 3
    seen = capfd.readouterr()
    rows = Delivery.objects.across_workspaces().values_list("log", flat=True)
    logged = [
        json.dumps({**vars(record), "m": record.getMessage()}, default=str)
        for record in caplog.records
    ]
    for text in [*logged, seen.out, seen.err, json.dumps(list(rows))]:
        assert "canary" not in text
