"""The server: `/v1` for the SDK, pages for people, knobs for tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from apps.sandbox.stripe.api import Api
from apps.sandbox.stripe.endpoints import Endpoint
from apps.sandbox.stripe.errors import StripeError
from apps.sandbox.stripe.pages import account, console
from apps.sandbox.stripe.pages import checkout as checkout_pages
from apps.sandbox.stripe.resources import (
    balance,
    changes,
    charges,
    checkout,
    customers,
    disputes,
    events,
    intents,
    invoice_calls,
    methods,
    portal,
    prices,
    refunds,
    setups,
    tax,
)
from apps.sandbox.stripe.sender import Sender
from apps.sandbox.stripe.world import World

_STYLE = (Path(__file__).parent / "pages" / "style.css").read_bytes()
ENDPOINTS: tuple[Endpoint, ...] = (
    *customers.ENDPOINTS,
    *prices.ENDPOINTS,
    *methods.ENDPOINTS,
    *intents.ENDPOINTS,
    *setups.ENDPOINTS,
    *charges.ENDPOINTS,
    *refunds.ENDPOINTS,
    *disputes.ENDPOINTS,
    *balance.ENDPOINTS,
    *checkout.ENDPOINTS,
    *events.ENDPOINTS,
    *changes.ENDPOINTS,
    *invoice_calls.ENDPOINTS,
    *portal.ENDPOINTS,
    *tax.ENDPOINTS,
)


def create_app(
    *, secret_key: str, webhook_url: str, webhook_secret: str, database: str, public_url: str
) -> Starlette:
    """One account with its own memory (`database` is a file, or ":memory:").

    `public_url` is where this application is mounted; links lead there. The webhook sender starts and ends with the
    application's lifespan, which whoever mounts it in another must enter (`app.router.lifespan_context(app)`).
    `app.state.world` and `app.state.sender` are for whoever runs it in the same process.
    """
    world = World(
        database=database,
        public_url=public_url,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
    )
    sender = Sender(world)
    api = Api(world, secret_key=secret_key)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sender.start()
        yield
        sender.stop()

    routes = [
        Route("/_knobs", _knobs(api), methods=["GET", "POST"]),
        Route("/style.css", _style),
        *checkout_pages.Pages(world).routes(),
        *account.Pages(world).routes(),
        *console.Pages(world).routes(),
        *api.routes(ENDPOINTS),
        Route("/v1/{rest:path}", api.unknown, methods=["GET", "POST", "DELETE"]),
    ]
    handlers = {ValueError: _not_understood}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.state.world, app.state.sender = world, sender
    return app


async def _style(_: Request) -> Response:
    return Response(_STYLE, media_type="text/css")


async def _not_understood(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)


def _knobs(api: Api) -> Callable[[Request], Awaitable[Response]]:
    async def knobs(request: Request) -> Response:
        if not api.is_key(request):
            return JSONResponse({"error": {"message": "Invalid API Key provided."}}, 401)
        try:
            if request.method == "POST":
                api.world.knobs.turn(await request.json())
        except (ValueError, AttributeError) as error:
            return JSONResponse({"error": {"message": str(error)}}, 400)
        except StripeError as error:
            return JSONResponse(error.body, error.status)
        return JSONResponse(api.world.knobs.shown())

    return knobs
