"""Driving an adapter's generator: one at a time, or as a coroutine among a thousand."""

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from apps.core.wire import NoAnswer, Request, Response
from apps.providers.base import ProviderUnavailable

Result = TypeVar("Result")
Steps = Generator[Request, Response, Result]


def run(steps: Steps[Result], send: Callable[[Request], Response]) -> Result:
    """Drive it to its end. Raises what the adapter raises; a missing answer becomes ProviderUnavailable."""
    try:
        request = next(steps)
        while True:
            try:
                response = send(request)
            except NoAnswer as error:
                request = steps.throw(error)
            else:
                request = steps.send(response)
    except StopIteration as end:
        result: Result = end.value
        return result
    except NoAnswer as error:
        raise _unavailable(error) from None


async def arun(steps: Steps[Result], send: Callable[[Request], Awaitable[Response]]) -> Result:
    """The same on an event loop."""
    try:
        request = next(steps)
        while True:
            try:
                response = await send(request)
            except NoAnswer as error:
                request = steps.throw(error)
            else:
                request = steps.send(response)
    except StopIteration as end:
        result: Result = end.value
        return result
    except NoAnswer as error:
        raise _unavailable(error) from None


def _unavailable(error: NoAnswer) -> ProviderUnavailable:
    return ProviderUnavailable(str(error), is_unknown=error.sent)
