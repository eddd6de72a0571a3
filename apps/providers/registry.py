"""The adapters there are, by the name that routes and accounts use."""

from types import MappingProxyType

from apps.providers.anthropic import Anthropic
from apps.providers.base import Adapter
from apps.providers.federation import Federation
from apps.providers.google import Google
from apps.providers.midjourney_bridge import MidjourneyBridge
from apps.providers.openai_compatible import OpenAICompatible

_ALL: tuple[Adapter, ...] = (
    Federation(),
    MidjourneyBridge(),
    OpenAICompatible(),
    Anthropic(),
    Google(),
)
_BY_NAME = MappingProxyType({adapter.name: adapter for adapter in _ALL})


class UnknownProvider(KeyError):
    """No adapter has this name."""

    def __str__(self) -> str:
        return f"There is no provider {self.args[0]!r}."


def adapter(name: str) -> Adapter:
    """The provider's adapter, one for all accounts. Raises UnknownProvider."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownProvider(name) from None


def names() -> tuple[str, ...]:
    return tuple(_BY_NAME)
