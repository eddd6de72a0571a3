"""Servers on this machine may be accounts."""

from typing import Any

import pytest

from apps.accounts.models import User, Workspace
from tests.factories import owner_of


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def owner(workspace: Workspace) -> User:
    return owner_of(workspace)
