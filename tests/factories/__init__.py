"""Rows for tests, made through the services, so that every wallet balances and every task is one that can exist."""

from tests.factories.accounts import (
    UserFactory,
    WorkspaceFactory,
    api_key,
    identity,
    member,
    owner_of,
)
from tests.factories.tasks import ILLUSTRATION, PICTURE, ROUTE, claimed, completed, picture, task

__all__ = [
    "ILLUSTRATION",
    "PICTURE",
    "ROUTE",
    "UserFactory",
    "WorkspaceFactory",
    "api_key",
    "claimed",
    "completed",
    "identity",
    "member",
    "owner_of",
    "picture",
    "task",
]
