import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from apps.core.wire import NoAnswer, Request, Response
from apps.providers import flow
from apps.providers.base import ProviderRefused, ProviderUnavailable
from tests.providers.wire import Wire, told

FIRST, SECOND = Request("GET", "https://up.example/1"), Request("GET", "https://up.example/2")


def two_calls() -> Generator[Request, Response, list[int]]:
    first = yield FIRST
    second = yield SECOND
    return [first.status, second.status]


def refusing() -> Generator[Request, Response, None]:
    yield FIRST
    raise ProviderRefused("No.", why=ProviderRefused.Why.INVALID)


def without_calls() -> Generator[Request, Response, str]:
    yield from ()
    return "nothing to ask"


def second_chance() -> Generator[Request, Response, int]:
    try:
        response = yield FIRST
    except NoAnswer:
        response = yield SECOND
    return response.status


def run_in_place(steps: flow.Steps[Any], wire: Wire) -> Any:
    return flow.run(steps, wire)


def run_on_a_loop(steps: flow.Steps[Any], wire: Wire) -> Any:
    async def send(request: Request) -> Response:
        await asyncio.sleep(0)
        return wire(request)

    return asyncio.run(flow.arun(steps, send))


both = pytest.mark.parametrize("run", [run_in_place, run_on_a_loop])
Run = Callable[[flow.Steps[Any], Wire], Any]


@both
def test_each_request_gets_its_answer(run: Run):
    wire = Wire(Response(200), Response(404))

    assert run(two_calls(), wire) == [200, 404]
    assert wire.requests == [FIRST, SECOND]


@both
def test_steps_may_end_without_a_request(run: Run):
    wire = Wire()

    assert (run(without_calls(), wire), wire.requests) == ("nothing to ask", [])


@both
def test_what_an_adapter_raises_comes_through(run: Run):
    with pytest.raises(ProviderRefused, match=r"^No\.$"):
        run(refusing(), Wire(Response(200)))


@both
@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("before", [0, 1])
def test_missing_answer_is_unavailable_and_unknown_when_it_was_sent(
    run: Run, sent: bool, before: int
):
    wire = Wire(*[Response(200)] * before, NoAnswer("Timed out.", sent=sent))

    with pytest.raises(ProviderUnavailable) as caught:
        run(two_calls(), wire)

    assert told(caught.value) == (ProviderUnavailable, sent, None)
    assert str(caught.value) == "Timed out."


@both
def test_adapter_may_go_on_after_a_missing_answer(run: Run):
    wire = Wire(NoAnswer("Refused.", sent=False), Response(204))

    assert run(second_chance(), wire) == 204
    assert wire.requests == [FIRST, SECOND]


def numbered(number: int) -> Generator[Request, Response, list[int]]:
    first = yield Request("GET", f"https://up.example/{number}")
    second = yield Request("GET", f"https://up.example/{number + first.status}")
    return [first.status, second.status]


def test_many_flows_share_a_loop():
    """All their first requests are out before any gets its answer, and nobody gets another's."""
    flows = 500
    asked: list[str] = []

    async def send(request: Request) -> Response:
        asked.append(request.url)
        while len(asked) < flows:
            await asyncio.sleep(0)
        return Response(int(request.url.rpartition("/")[2]))

    async def main() -> list[list[int]]:
        jobs: list[Awaitable[list[int]]] = [flow.arun(numbered(n), send) for n in range(flows)]
        return await asyncio.gather(*jobs)

    assert asyncio.run(asyncio.wait_for(main(), 10)) == [[n, 2 * n] for n in range(flows)]
    assert asked[:flows] == [f"https://up.example/{n}" for n in range(flows)]
