from typing import Any

import pytest

from tests.llm.conversations.talking import Talking
from tests.llm.service import Service
from tests.llm_upstream.server import Scripted


@pytest.fixture
def talking(service: Service) -> Talking:
    return Talking(service, service.key)


@pytest.fixture
def own_models(settings: Any, provider: Scripted) -> None:
    """The scripted provider as our own model server; to be asked for before `talking`."""
    settings.LOCAL_MODELS_URL = provider.url
