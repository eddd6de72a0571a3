"""Fixtures for whatever talks to a Midjourney bridge; `tests/conftest.py` hands them to every test.

It listens on 127.0.0.1, so a test that reaches it through the guard needs `settings.EGRESS_ALLOW`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.bridge.bridge import Bridge
from tests.bridge.running import RunningBridge
from tests.upstream.running import on_a_thread


@pytest.fixture
def make_bridge() -> Iterator[Callable[[], RunningBridge]]:
    """Starts a bridge each time it is called, for tests that need several."""
    with ExitStack() as running:
        yield lambda: RunningBridge(running.enter_context(on_a_thread(Bridge())))


@pytest.fixture
def bridge(make_bridge: Callable[[], RunningBridge]) -> RunningBridge:
    return make_bridge()
