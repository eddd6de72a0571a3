"""An exchange whose answer is read while it comes in."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import yarl

from apps.core.egress import exchange
from apps.core.egress.exchange import Answer, Exchange
from apps.core.egress.guard import EgressError
from apps.core.wire import NoAnswer, Request, Response

_FAULTS = (aiohttp.ClientError, OSError, ValueError, zlib.error, exchange.InvalidURL)


class Opened:
    """The head of an answer has come; its body is read piece by piece, or whole. To be closed in any case.

    Closing before the end cuts the connection, which is how a provider learns that nobody waits any more.
    """

    def __init__(self, response: aiohttp.ClientResponse, work: Exchange) -> None:
        self._response = response
        self._answer: Answer = work.answer(response.status, response.headers.items())

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def content_type(self) -> str:
        return self._answer.headers.get("content-type", "")

    async def pieces(self, *, idle_seconds: float) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises NoAnswer when it breaks off, or when nothing comes for so long."""
        content = self._response.content
        loop = asyncio.get_running_loop()
        while True:
            try:
                # One timer for a wait, and none where the bytes are there.
                async with asyncio.timeout_at(loop.time() + idle_seconds):
                    piece = await content.readany()
            except TimeoutError:
                raise NoAnswer(exchange.TOO_SLOW, sent=True) from None
            except _FAULTS:
                raise NoAnswer("The answer broke off.", sent=True) from None
            if not piece:
                return
            yield piece

    async def whole(self, *, seconds: float) -> Response:
        """All of it. Raises NoAnswer when it breaks off, takes longer or is too large."""
        try:
            async with asyncio.timeout(seconds):
                while piece := await self._response.content.readany():
                    self._answer.add(piece)
            return self._answer.response()
        except TimeoutError:
            raise NoAnswer(exchange.TOO_SLOW, sent=True) from None
        except EgressError as error:
            raise NoAnswer(str(error), sent=True) from None
        except _FAULTS:
            raise NoAnswer("The answer broke off.", sent=True) from None

    def close(self) -> None:
        """Safe to repeat. A connection whose answer was read to its end stays for the next request."""
        self._response.close() if not self._response.content.at_eof() else self._response.release()


async def opened(
    client: aiohttp.ClientSession,
    request: Request,
    *,
    seconds: float,
    payload: Callable[[bytes], object],
) -> Opened:
    """Send a request once and wait for the head of the answer, at most so long. No redirect is followed.

    Raises NoAnswer, with `sent` as it says there.
    """
    work = Exchange(request)
    try:
        hop = work.first_hop()
        async with asyncio.timeout(seconds):
            response = await client.request(
                hop.method,
                yarl.URL(str(hop.url), encoded=True),
                headers=hop.headers,
                data=payload(hop.body),
                allow_redirects=False,
                trace_request_ctx=work,
            )
    except aiohttp.ClientConnectorError:
        raise NoAnswer(exchange.CANNOT_BE_REACHED, sent=False) from None
    except TimeoutError:
        raise NoAnswer(exchange.TOO_SLOW, sent=work.is_sent) from None
    except EgressError as error:
        raise NoAnswer(str(error), sent=work.is_sent) from None
    except _FAULTS:
        raise NoAnswer(exchange.CANNOT_BE_FETCHED, sent=work.is_sent) from None
    try:
        return Opened(response, work)
    except EgressError as error:
        response.close()
        raise NoAnswer(str(error), sent=True) from None
