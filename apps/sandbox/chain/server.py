"""The test chain over HTTP: JSON-RPC for the platform, and a wallet in the browser for whoever tries it out."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from eth_utils.address import is_address, to_checksum_address
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from apps.sandbox.chain import wallet
from apps.sandbox.chain.amounts import NotAnAmount, units
from apps.sandbox.chain.chain import Chain
from apps.sandbox.chain.rpc import Endpoint, Knobs
from apps.sandbox.chain.settings import TOKENS

_MOST_CALLS = 200
_MOST_BYTES = 1_000_000
_DEEPEST = 50

Handler = Callable[[Request], Awaitable[Response]]


def create_app(chain: Chain | None = None, knobs: Knobs | None = None) -> Starlette:
    """Mountable anywhere; without a chain it makes one. Several applications may show one chain."""
    shown = chain or Chain()
    return Starlette(
        routes=[
            Route("/", _wallet(shown)),
            Route("/rpc", _rpc(shown, knobs or Knobs()), methods=["POST"]),
            Route("/send", _acting(shown, _send), methods=["POST"]),
            Route("/reorg", _acting(shown, _reorg), methods=["POST"]),
            Route("/wallet.css", _style),
        ]
    )


def _rpc(chain: Chain, knobs: Knobs) -> Handler:
    endpoint = Endpoint(chain, knobs)

    async def rpc(request: Request) -> Response:
        if knobs.is_out:
            return Response("out of order", status_code=503)
        try:
            asked = json.loads(await _body(request))
        except ValueError:
            return JSONResponse(_not_json_rpc())
        return JSONResponse(await run_in_threadpool(_answers, endpoint, asked))

    return rpc


def _answers(endpoint: Endpoint, asked: Any) -> Any:
    calls = asked[:_MOST_CALLS] if isinstance(asked, list) else [asked]
    found = [endpoint.answer(one) if isinstance(one, dict) else _not_json_rpc() for one in calls]
    return found if isinstance(asked, list) else found[0]


def _not_json_rpc() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "not JSON-RPC"}}


async def _body(request: Request) -> bytes:
    body = await request.body()
    return body if len(body) <= _MOST_BYTES else b""


# ---------------------------------------------------------------------------------- in the browser
def _wallet(chain: Chain) -> Handler:
    async def page(request: Request) -> Response:
        return await run_in_threadpool(wallet.page, chain, dict(request.query_params))

    return page


async def _style(_: Request) -> Response:
    return Response(wallet.STYLE, media_type="text/css")


Form = dict[str, str]


def _acting(chain: Chain, act: Callable[[Chain, Form], Form]) -> Handler:
    """Does what the form says, then shows the wallet with what came of it."""

    async def handler(request: Request) -> Response:
        text = (await _body(request)).decode(errors="replace")
        kept = await run_in_threadpool(act, chain, dict(parse_qsl(text)))
        return RedirectResponse(f"./?{urlencode(kept)}", status_code=303)

    return handler


def _send(chain: Chain, form: Form) -> Form:
    kept = {name: form.get(name, "") for name in ("token", "amount", "to")}
    token, to = kept["token"], kept["to"].strip()
    if token not in TOKENS:
        return kept | {"problem": "There is no such token."}
    if not is_address(to):
        return kept | {"problem": "That is not an address."}
    try:
        value = units(kept["amount"], decimals=TOKENS[token][1])
    except NotAnAmount as error:
        return kept | {"problem": str(error)}
    return kept | {"sent": chain.send(token=token, to=to_checksum_address(to), value=value)}


def _reorg(chain: Chain, form: Form) -> Form:
    depth = form.get("depth", "")
    if not depth.isdecimal() or not 0 < int(depth[:4]) <= min(_DEEPEST, chain.head - len(TOKENS)):
        return {"problem": f"Between 1 and {_DEEPEST} blocks, and no more than there are."}
    chain.reorg(int(depth))
    return {"replaced": depth}
