"""What every test gets: empty caches, no believed keys, no job left to itself."""

import sys
from collections.abc import Iterator

import pytest
from django.core.cache import cache

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.byoa import selectors as byoa
from apps.catalog import pricing
from apps.catalog import selectors as catalog
from apps.notifications import announcements
from tests.bridge.fixtures import bridge, make_bridge
from tests.chat_servers.fixtures import chat_servers
from tests.factories import WorkspaceFactory, api_key
from tests.payments.chain_server import chain, chain_doors, make_chain
from tests.payments.stripe_server import stripe_server
from tests.upstream.fixtures import make_upstream, receiver, upstream

__all__ = [
    "bridge",
    "chain",
    "chain_doors",
    "chat_servers",
    "make_bridge",
    "make_chain",
    "make_upstream",
    "receiver",
    "stripe_server",
    "upstream",
]


_RECURSION_LIMIT = 1_000


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    # The test chain's libraries raise it when they are imported; the platform keeps it (apps.core.recursion).
    sys.setrecursionlimit(_RECURSION_LIMIT)
    selectors.forget_believed_keys()
    pricing.forget_overrides()
    catalog.forget_banned_words()
    byoa.forget_pool()
    # No page asks whether there are some: a test that counts a page's queries gets the same number each time.
    announcements.keep((), seconds=3_600)
    yield
    cache.clear()


@pytest.fixture
def workspace(db: None) -> Workspace:
    """A Developer workspace with one dollar."""
    return WorkspaceFactory.create()


@pytest.fixture
def key(workspace: Workspace) -> str:
    """A key of `workspace` with every scope."""
    return api_key(workspace)
