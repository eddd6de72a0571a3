"""A Premium workspace whose Midjourney tasks run on its own accounts; nothing is asked of any provider."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from tests.factories import WorkspaceFactory
from tests.factories.own import private


@pytest.fixture(autouse=True)
def _no_engine(settings: Any) -> None:
    settings.LOCAL_ENGINE = False


@pytest.fixture
def home(db: None) -> Workspace:
    """With a dollar and twenty seats."""
    return private(WorkspaceFactory.create(plan="premium"))
