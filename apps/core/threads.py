"""The way from an event loop to Django's database connections, and to whatever else blocks.

A few threads for all of a process: each may hold a connection, and what only waits must not cost one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 4
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="gateway")


async def in_thread(work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Run blocking code in a thread that has a sound database connection, or gets one."""

    def run() -> T:
        # What Django does around every request: nobody else does it here.
        close_old_connections()
        try:
            return work(*arguments, **options)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_pool, run)
