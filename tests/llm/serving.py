"""The gateway as config.asgi serves it."""

from typing import Any


def served(app: Any) -> Any:
    """The gateway with its lifespan, as config.asgi gives it one."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await app.start()
            else:
                await app.stop()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    return application
