"""Steps done at the same moment, each on a connection of its own."""

import threading
from collections.abc import Callable

from django.db import connection


def at_once(*steps: Callable[[], object], times: int = 1) -> list[Exception]:
    """Do each step on a thread of its own, so many times over; what they raised."""
    start = threading.Barrier(len(steps))
    problems: list[Exception] = []

    def repeat(step: Callable[[], object]) -> None:
        start.wait()
        try:
            for _ in range(times):
                step()
        except Exception as error:
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=repeat, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems
