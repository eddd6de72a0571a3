"""Fixtures for whatever talks to providers of models; `tests/conftest.py` hands them to every test.

They listen on 127.0.0.1, so a test that reaches them through the guard needs `settings.EGRESS_ALLOW`.
"""

from collections.abc import Iterator

import pytest

from tests.chat_servers.running import ChatServers
from tests.chat_servers.server import ChatServer
from tests.upstream.running import on_a_thread


@pytest.fixture
def chat_servers() -> Iterator[ChatServers]:
    with on_a_thread(ChatServer()) as url:
        yield ChatServers(url)
