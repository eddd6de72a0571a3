"""All stand-ins in one process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from apps.sandbox.chain.server import create_app as chain_app
from apps.sandbox.stripe.server import create_app as stripe_app


def serve(
    *,
    listener: socket,
    stripe_key: str,
    webhook_secret: str,
    base_url: str,
    webhook_url: str,
    data_dir: Path,
) -> None:
    """Serve until SIGTERM. Stripe's objects outlive a restart; the chain starts anew."""
    apps = {
        "/sandbox/stripe": stripe_app(
            secret_key=stripe_key,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            database=str(data_dir / "sandbox-stripe.sqlite3"),
            public_url=f"{base_url}/sandbox/stripe",
        ),
        "/sandbox/chain": chain_app(),
    }

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # A mounted application's own start and end are nobody's business but ours.
        async with AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    app = Starlette(
        routes=[Mount(path, app=mounted) for path, mounted in apps.items()], lifespan=lifespan
    )
    config = uvicorn.Config(
        app,
        timeout_graceful_shutdown=2,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listener])
