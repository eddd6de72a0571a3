"""`python -m tests.faults.llm_gateway [POINT]`: a gateway process to be killed, or one that dies at a point by itself.

Prints its address as a line of JSON and serves. It works on the database and the journals that its environment names.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.faults import processes
from tests.faults.dying import die
from tests.faults.platform import PROJECT


@dataclass(frozen=True)
class Gateway:
    """One that runs, as its test sees it."""

    url: str
    process: "subprocess.Popen[str]"

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        processes.kill(self.process.pid)
        self.process.wait(30)

    def exit_code(self) -> int:
        return self.process.wait(30)


@contextmanager
def gateway(point: str = "", *, environment: Mapping[str, str]) -> Iterator[Gateway]:
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, point],
        cwd=PROJECT,
        env=os.environ | dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Gateway(json.loads(process.stdout.readline())["url"], process)
    finally:
        processes.kill(process.pid)
        process.wait()
        process.stdout.close()


def main(point: str) -> None:
    import django

    django.setup()
    _POINTS[point]()

    from apps.gateway.app import make_app
    from tests.llm.serving import served
    from tests.llm_upstream.running import Running

    with Running(served(make_app())) as running:
        print(json.dumps({"url": running.url}), flush=True)  # noqa: T201 - its parent reads it
        running.wait()


# ------------------------------------------------------------------------------ where it dies
def _nowhere() -> None:
    return


def _before_a_row() -> None:
    from apps.llm.services.recorder import Recorder

    Recorder._send = die  # type: ignore[method-assign]


def _after_a_row() -> None:
    from apps.llm.services.recorder import Recorder

    # The database has said that it is committed; nobody has heard of it yet.
    Recorder._done = die  # type: ignore[method-assign]


def _before_a_settlement() -> None:
    from apps.billing.services import credits

    credits.settle_many = die


_POINTS: dict[str, Callable[[], None]] = {
    "": _nowhere,
    "before a row is committed": _before_a_row,
    "after a row is committed": _after_a_row,
    "before a block is settled": _before_a_settlement,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
