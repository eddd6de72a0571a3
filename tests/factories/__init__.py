"""Rows for tests, made through the services, so that every wallet balances and every task is one that can exist."""

from tests.factories.accounts import (
    UserFactory,
    WorkspaceFactory,
    api_key,
    identity,
    member,
    owner_of,
)
from tests.factories.tasks import ILLUSTRATION, ROUTE, claimed, completed, task

__all__ = [
    "ILLUSTRATION",
    "ROUTE",
    "UserFactory",
    "WorkspaceFactory",
    "api_key",
    "claimed",
    "completed",
    "identity",
    "member",
    "owner_of",
    "task",
]
