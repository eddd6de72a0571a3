"""`./run faults` in a minute: the same run, smaller."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.factories import PICTURE
from tests.faults import proof
from tests.faults.faults import Counts
from tests.faults.platform import Platform, wait_for_end
from tests.faults.run import Size, run
from tests.upstream.running import Upstream

SHORT = Size(
    tasks=120,
    late=0,
    seed=4,
    counts=Counts(kills=8, flushes=1, databases=0, restarts=1),
    pause_seconds=(0.3, 1.5),
)
_GONE_SECONDS = 5


def test_nothing_is_lost_or_done_twice_under_faults(tmp_path: Path):
    report = run(size=SHORT, folder=tmp_path, say=print)

    assert report.is_clean, f"{proof.table(report.verdicts)}\n{report.figures}\nkept in {tmp_path}"
    assert report.figures["faults"] == {"kill": 8, "flush": 1, "restart": 1}
    assert sum(report.figures["tasks"].values()) == SHORT.tasks
    shutil.rmtree(tmp_path)


@pytest.fixture
def platform(tmp_path: Path, upstream: Upstream) -> Iterator[Platform]:
    platform = Platform(folder=tmp_path, LOCAL_ENGINE="false")
    try:
        platform.start()
        platform.add_account(label="Pool", url=upstream.url, slots=5, credential="key")
        yield platform
    finally:
        platform.stop()


def test_everything_is_gone_soon_after_the_end_and_back_with_its_work(
    platform: Platform, upstream: Upstream
):
    assert set(platform.parts().values()) >= {
        "web", "beat", "worker", "provider worker", "delivery worker", "pool process", "valkey", "postmaster",
    }  # fmt: skip
    task_id = _task_at_the_provider(platform, upstream)

    everything = platform.kill_supervisor()
    assert wait_for_end(everything, seconds=_GONE_SECONDS) == set()

    platform.start()
    _wait_until(lambda: _status(platform, task_id) == "completed")
    assert (upstream.totals()["tasks"], upstream.totals()["submits"]) == (1, 1)
    everything = platform.everything()
    seconds = platform.terminate()
    assert (wait_for_end(everything, seconds=0), seconds < _GONE_SECONDS) == (set(), True), seconds


def _task_at_the_provider(platform: Platform, upstream: Upstream) -> str:
    response = httpx.post(
        f"{platform.url}/api/v1/task",
        json=PICTURE | {"input": {"prompt": "a fox [delay=3]"}},
        headers={"x-api-key": platform.demo_key()},
        trust_env=False,
    )
    task_id: str = response.raise_for_status().json()["data"]["task_id"]
    _wait_until(lambda: upstream.totals()["tasks"] == 1)
    return task_id


def _status(platform: Platform, task_id: str) -> str:
    [(status,)] = platform.rows("SELECT status FROM tasks_task WHERE id = %s", task_id)
    return str(status)


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        threading.Event().wait(0.05)
