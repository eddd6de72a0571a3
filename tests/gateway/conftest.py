"""The gateway as tests of the LLM lane serve it."""

from tests.llm.conftest import grace, loop, provider, service

__all__ = ["grace", "loop", "provider", "service"]
