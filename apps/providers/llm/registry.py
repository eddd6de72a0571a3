"""The providers of language models, by the name that routes and accounts use."""

from types import MappingProxyType

from apps.providers.llm.anthropic import Anthropic
from apps.providers.llm.base import LlmProvider
from apps.providers.llm.federation import Federation
from apps.providers.llm.google import Google
from apps.providers.llm.local import Local
from apps.providers.llm.openai import OpenAI
from apps.providers.registry import UnknownProvider

_ALL: tuple[LlmProvider, ...] = (OpenAI(), Anthropic(), Google(), Federation(), Local())
_BY_NAME = MappingProxyType({provider.name: provider for provider in _ALL})


def llm_provider(name: str) -> LlmProvider:
    """The provider's interface, one for all accounts. Raises UnknownProvider."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownProvider(name) from None


def names() -> tuple[str, ...]:
    return tuple(_BY_NAME)
