from typing import Any

import pytest

from tests.bridge.customer import Customer
from tests.bridge.running import RunningBridge


@pytest.fixture(autouse=True)
def _reaches_this_machine(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def customer(bridge: RunningBridge) -> Customer:
    return Customer(bridge)
