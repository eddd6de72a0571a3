"""Fixtures for whatever talks to providers or sends webhooks; `tests/conftest.py` hands them to every test.

The servers listen on 127.0.0.1, so a test that reaches them through the guard needs `settings.EGRESS_ALLOW`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.upstream import provider
from tests.upstream import receiver as receiving
from tests.upstream.running import Receiver, Upstream, on_a_thread


@pytest.fixture
def make_upstream() -> Iterator[Callable[[], Upstream]]:
    """Starts a provider each time it is called, for tests that need several."""
    with ExitStack() as running:
        yield lambda: Upstream(running.enter_context(on_a_thread(provider.Provider())))


@pytest.fixture
def upstream(make_upstream: Callable[[], Upstream]) -> Upstream:
    return make_upstream()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with on_a_thread(receiving.Receiver()) as url:
        yield Receiver(url)
