"""What every page of language models starts from: a model that somebody serves."""

from typing import Any

import pytest

from tests.factories.byoa import account


@pytest.fixture
def served(db: None, settings: Any) -> None:
    """OpenAI's models are served by an account, this machine's by its own server."""
    settings.LOCAL_MODELS_URL = "http://local-models"
    settings.SANDBOX_ENGINE = False
    account(provider="openai", base_url="https://api.openai.example")
