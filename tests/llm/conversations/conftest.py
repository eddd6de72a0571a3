import pytest

from tests.llm.conversations.talking import Talking
from tests.llm.service import Service


@pytest.fixture
def talking(service: Service) -> Talking:
    return Talking(service, service.key)
