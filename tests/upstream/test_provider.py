"""The provider, asked the way the platform asks: by the adapter, through the guard."""

import io
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from apps.core import egress
from apps.core.wire import Request, Response
from apps.providers import flow
from apps.providers.base import (
    Accepted,
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Running,
    Standing,
    Work,
)
from apps.providers.federation import Federation
from tests.providers.wire import told
from tests.upstream.running import Receiver, Upstream

pytestmark = pytest.mark.usefixtures("allowed")
adapter = Federation()
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
NOT_CREATED = (ProviderUnavailable, False, None)


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def quick(request: Request) -> Response:
    """Sent by the platform's client, with little patience."""
    return egress.send(replace(request, timeout_seconds=0.5))


def ask(steps: flow.Steps[Any]) -> Any:
    try:
        return flow.run(steps, quick)
    except ProviderError as error:
        return error


class Caller:
    """One piece of work at one provider, as the platform goes about it."""

    def __init__(self, upstream: Upstream, words: str = "", **work: Any) -> None:
        self.access = Access(upstream.url, "my_live_0123456789")
        self.work = Work(
            reference="ref-1", job="j", model="m", task_type="t", input={"prompt": f"a cat {words}"}
        )
        self.work = replace(self.work, **work)

    def submit(self) -> Any:
        return ask(adapter.submit(self.work, self.access))

    def look_up(self) -> Any:
        return ask(adapter.look_up(self.work, self.access))

    def poll(self, accepted: Accepted) -> Any:
        return ask(adapter.poll(accepted.handle, self.access))

    def outcome(self) -> Any:
        """Submitted, and polled until it is over."""
        accepted = self.submit()
        if not isinstance(accepted, Accepted):
            return accepted
        return _until(lambda: _over(self.poll(accepted)))


def test_work_is_done_and_its_file_is_a_picture_of_its_own(upstream: Upstream):
    done = Caller(upstream).outcome()

    [task_id] = upstream.seen("ref-1")["task_ids"]
    url = f"{upstream.url}/files/{task_id}.png"
    assert done == Done({"image_url": url, "image_urls": None, "progress": 100}, task_id, {}, 5000)
    fetched = egress.fetch(url, max_bytes=10_000)
    with Image.open(io.BytesIO(fetched.data)) as image:
        image.load()
        assert (fetched.content_type, image.size, image.info) == (
            "image/png", (64, 64), {"Comment": task_id},
        )  # fmt: skip


def test_work_may_be_done_at_once(upstream: Upstream):
    caller = Caller(upstream, "[delay=0] [price=77]")

    done = caller.submit()

    assert (type(done), done.cost_points, upstream.totals()["polls"]) == (Done, 77, 0)


@pytest.mark.parametrize(
    ("words", "expected", "cost"),
    [
        ("[fail=11002]", (ProviderRefused, Why.MODERATED), 0),
        ("[moderated]", (ProviderRefused, Why.MODERATED), 0),
        ("[fail=11000] [bills]", (ProviderRefused, Why.FAILED), 5000),
        ("[fail=11001] [bills] [price=9]", (ProviderRefused, Why.TIMEOUT), 9),
        ("[result=text]", (ProviderRefused, Why.FAILED), 5000),
    ],
)
def test_failures_on_request(upstream: Upstream, words: str, expected: Any, cost: int):
    error = Caller(upstream, words).outcome()

    assert (told(error), error.cost_points) == (expected, cost)


@pytest.mark.parametrize(
    "consume", ["NaN", "-1", "1e999", '"many"', "99999999999999999999", "null"]
)
def test_odd_costs_on_request(upstream: Upstream, consume: str):
    assert Caller(upstream, f"[consume={consume}]").outcome().cost_points is None


@pytest.mark.parametrize(
    ("fault", "expected", "made"),
    [
        ("lost", UNKNOWN, 1),
        ("hang", UNKNOWN, 1),
        ("stall", UNKNOWN, 1),
        ("html", UNKNOWN, 1),
        ("truncated", UNKNOWN, 1),
        ("empty", UNKNOWN, 1),
        ("types", UNKNOWN, 1),
        ("500", UNKNOWN, 0),
        ("502", UNKNOWN, 0),
        ("503", (ProviderUnavailable, False, 1.0), 0),
        ("429", (ProviderUnavailable, False, 1.0), 0),
        ("409", UNKNOWN, 0),
        ("404", NOT_CREATED, 0),
        ("401", (BadCredentials,), 0),
        ("402", (AccountNeedsOwner, Need.BALANCE), 0),
        ("403", (AccountNeedsOwner, Need.SUBSCRIPTION), 0),
        ("400", (ProviderRefused, Why.INVALID), 0),
        ("413", (ProviderRefused, Why.INVALID), 0),
    ],
)
def test_faulty_answers_to_a_submit(upstream: Upstream, fault: str, expected: Any, made: int):
    assert told(Caller(upstream, f"[create={fault}]").submit()) == expected
    seen = upstream.seen("ref-1")
    assert (seen["submits"], len(seen["task_ids"])) == (1, made)


@pytest.mark.parametrize("fault", ["lost", "hang", "truncated"])
def test_a_lost_submit_is_found_again(upstream: Upstream, fault: str):
    caller = Caller(upstream, f"[create={fault}]")
    caller.submit()

    found = caller.look_up()

    assert isinstance(found, Accepted | Done)
    assert upstream.seen("ref-1") == {
        "submits": 1, "polls": 0, "cancels": 0, "look_ups": 1, "task_ids": [found.provider_id],
    }  # fmt: skip


def test_a_submit_that_never_came_is_known_not_to_have(upstream: Upstream):
    caller = Caller(upstream, "[create=500]")

    assert (told(caller.submit()), caller.look_up()) == (UNKNOWN, None)


@pytest.mark.parametrize("mode", ["off", "ignored", "blind", "html", "500", "hang"])
def test_look_ups_that_cannot_tell(upstream: Upstream, mode: str):
    caller = Caller(upstream)
    for one in (caller, *(Caller(upstream, reference=f"neighbour-{n}") for n in range(5))):
        one.submit()
    upstream.knobs(look_up=mode)

    assert told(caller.look_up()) == UNKNOWN


def test_sent_twice_it_runs_once_where_the_key_counts(upstream: Upstream):
    caller = Caller(upstream, "[delay=60]")

    first, second = caller.submit(), caller.submit()

    assert first == second
    assert (upstream.totals()["submits"], upstream.totals()["duplicates"]) == (2, 0)
    upstream.knobs(idempotent=False)
    assert caller.submit() != first
    assert (upstream.totals()["submits"], upstream.totals()["duplicates"]) == (3, 1)


def test_the_same_key_with_another_body_is_a_conflict(upstream: Upstream):
    Caller(upstream).submit()

    assert told(Caller(upstream, "and a dog").submit()) == UNKNOWN


def test_a_fault_may_pass(upstream: Upstream):
    caller = Caller(upstream, "[create=500] [times=2] [delay=60]")

    results = [type(caller.submit()) for _ in range(3)]

    assert results == [ProviderUnavailable, ProviderUnavailable, Accepted]


def test_faults_of_polls_may_pass(upstream: Upstream):
    caller = Caller(upstream, "[poll=html] [poll_times=2]")
    accepted = caller.submit()

    results = [told(caller.poll(accepted)) for _ in range(2)]

    assert results == [NOT_CREATED, NOT_CREATED]
    assert isinstance(caller.poll(accepted), Running | Done)


def test_faults_are_drawn_as_often_as_asked_and_the_same_each_time(upstream: Upstream):
    def drawn() -> list[bool]:
        upstream.reset()
        upstream.knobs(rates={"[create=500]": 0.3}, seed=7)
        callers = (Caller(upstream, reference=f"r{number}") for number in range(100))
        return [isinstance(caller.submit(), ProviderUnavailable) for caller in callers]

    first = drawn()

    assert 15 <= sum(first) <= 45
    assert drawn() == first


def test_bad_key_and_shut_account(upstream: Upstream):
    caller = Caller(upstream)
    caller.access = replace(caller.access, credential="bad")
    assert told(caller.submit()) == (BadCredentials,)
    upstream.knobs(everything="402")
    assert told(Caller(upstream).submit()) == (AccountNeedsOwner, Need.BALANCE)


@pytest.mark.parametrize(("words", "expected"), [("[pending=60] [delay=60]", True), ("", False)])
def test_cancelling(upstream: Upstream, words: str, expected: bool):
    caller = Caller(upstream, words)
    accepted = caller.submit()

    assert ask(adapter.cancel(accepted.handle, caller.access)) is expected
    assert upstream.seen("ref-1")["cancels"] == 1


def test_checking(upstream: Upstream):
    access = Caller(upstream).access

    assert ask(adapter.check(access)) == Standing("Plan premium, balance $100.00.", plan="premium")
    upstream.knobs(balance=0)
    assert told(ask(adapter.check(access))) == (AccountNeedsOwner, Need.BALANCE)


def test_nobody_answers_while_it_refuses(upstream: Upstream):
    upstream.knobs(refuse=1.0)
    caller = Caller(upstream)

    assert told(_until(lambda: _refused(caller.submit()))) == NOT_CREATED
    assert isinstance(_until(lambda: _taken(caller.submit())), Accepted | Done)


def _over(result: Any) -> Any:
    return None if isinstance(result, Running) else result


def _refused(result: Any) -> Any:
    return result if isinstance(result, ProviderUnavailable) and not result.is_unknown else None


def _taken(result: Any) -> Any:
    return result if isinstance(result, Accepted | Done) else None


def _until(ready: Callable[[], Any]) -> Any:
    """Its first answer that is one, within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if (found := ready()) is not None:
            return found
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("missing", "The URL's server answered 404."),
        ("huge", "The file behind the URL is larger than"),
        ("cut", "The URL cannot be fetched."),
        ("loopback", "The URL's server cannot be reached."),
        ("redirect", "The URL leads to an address that is not on the open internet."),
        ("metadata", "The URL leads to an address that is not on the open internet."),
        ("private", "The URL leads to an address that is not on the open internet."),
        ("file", "The URL cannot be fetched."),
    ],
)
def test_files_that_cannot_be_had(upstream: Upstream, result: str, message: str):
    done = Caller(upstream, f"[result={result}]").outcome()

    with pytest.raises(egress.EgressError, match=message):
        egress.fetch(done.output["image_url"], max_bytes=1_000_000)


def test_files_that_are_not_what_they_seem(upstream: Upstream):
    page, label = (
        egress.fetch(
            Caller(upstream, f"[result={result}]", reference=result).outcome().output["image_url"],
            max_bytes=1_000_000,
        )
        for result in ("page", "label")
    )

    assert (page.content_type, page.data[:15]) == ("image/png", b"<!doctype html>")
    assert (label.content_type, label.data[:4]) == ("text/html", b"\x89PNG")


def test_output_may_be_of_another_shape(upstream: Upstream):
    upstream.knobs(output={"video": "{url}", "works": [{"url": "{url}"}]})

    done = Caller(upstream).outcome()

    url = f"{upstream.url}/files/{done.provider_id}.png"
    assert done.output == {"video": url, "works": [{"url": url}]}


@pytest.mark.parametrize(
    ("words", "statuses", "is_verified"),
    [
        ("", ["completed"], True),
        ("[callbacks=all]", ["processing", "completed"], True),
        ("[callbacks=reordered]", ["completed", "processing"], True),
        ("[repeat=3]", ["completed"] * 3, True),
        ("[callbacks=late] [late=0.1]", ["completed"], True),
        ("[callbacks=forged]", ["completed"], False),
        ("[fail=11000]", ["failed"], True),
    ],
)
def test_callbacks(
    upstream: Upstream, receiver: Receiver, words: str, statuses: list[str], is_verified: bool
):
    caller = Caller(upstream, words, callback_url=f"{receiver.url}/hook", callback_secret="s3cret")
    task_id = caller.submit().provider_id

    came = _until(lambda: _all(receiver.requests("/hook"), len(statuses)))

    assert [one["json"]["data"]["status"] for one in came] == statuses
    read = [
        adapter.callback(headers=one["headers"], body=one["body"].encode(), secret="s3cret")
        for one in came
    ]
    assert {(one.provider_id, one.is_verified) for one in read} == {(task_id, is_verified)}


def _all(requests: list[Any], count: int) -> list[Any] | None:
    return requests if len(requests) >= count else None


def test_no_callbacks_where_none_are_wanted(upstream: Upstream, receiver: Receiver):
    url = f"{receiver.url}/hook"
    Caller(upstream, "[callbacks=none]", callback_url=url).outcome()
    Caller(upstream, reference="ref-2", callback_url=url).outcome()

    [came] = _until(lambda: _all(receiver.requests(), 1))

    assert came["json"]["data"]["config"]["client_reference"] == "ref-2"


def test_providers_are_independent(make_upstream: Callable[[], Upstream]):
    first, second = make_upstream(), make_upstream()
    first.knobs(create="503")

    results = [type(Caller(one).submit()) for one in (first, second)]

    assert results == [ProviderUnavailable, Accepted]
    assert [one.totals()["tasks"] for one in (first, second)] == [0, 1]


def test_knobs_are_refused_where_they_are_none(upstream: Upstream):
    with pytest.raises(ValueError, match="there is no knob 'dely'"):
        upstream.knobs(dely=1)
    with pytest.raises(ValueError, match="idempotent must be a bool"):
        upstream.knobs(idempotent="no")
