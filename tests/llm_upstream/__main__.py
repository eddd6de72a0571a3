"""`python -m tests.llm_upstream`: the scripted provider as a process; prints its address and serves."""

import asyncio
import json

from tests.llm_upstream.server import Scripted


async def main() -> None:
    server = Scripted(keeps=False)
    await server.start()
    print(json.dumps({"url": server.url}), flush=True)  # noqa: T201 - its parent reads it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
