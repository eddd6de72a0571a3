"""Run one of these servers as a process: print its address as a line of JSON, stay until told to end."""

import argparse
import asyncio
import json
import signal
from collections.abc import Callable
from typing import Protocol

import uvloop

from tests.upstream.http import Server


class Runnable(Protocol):
    server: Server

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def main(make: Callable[[str, int], Runnable], *, description: str) -> None:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    given = parser.parse_args()
    uvloop.run(_serve(make, given.host, given.port))


async def _serve(make: Callable[[str, int], Runnable], host: str, port: int) -> None:
    app = make(host, port)
    await app.start()
    print(json.dumps({"url": app.server.url}), flush=True)  # noqa: T201 - the command's output
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, ended.set)
    await ended.wait()
    await app.stop()
