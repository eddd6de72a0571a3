"""Signed-in browsers of the people that access tests are about."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User, Workspace
from apps.billing.models import Wallet
from tests.factories import UserFactory, WorkspaceFactory, member, owner_of


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner(workspace: Workspace) -> Client:
    return browser(owner_of(workspace))


@pytest.fixture
def developer(workspace: Workspace) -> Client:
    return browser(member(workspace, "developer"))


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    return browser(member(workspace, "viewer"))


@pytest.fixture
def billing(workspace: Workspace) -> Client:
    return browser(member(workspace, "billing"))


@pytest.fixture
def stranger(db: None) -> Client:
    """Signed in, owner of a workspace of their own, not a member of `workspace`."""
    return browser(WorkspaceFactory.create().memberships.get().user)


@pytest.fixture
def homeless(db: None) -> Client:
    """Signed in without any workspace."""
    return browser(UserFactory.create())


@pytest.fixture
def held() -> Callable[[Workspace], int]:
    """Points a workspace has on hold."""
    return lambda workspace: Wallet.objects.of(workspace.pk).get().held
