"""The interfaces that customers' programs speak."""

from collections.abc import Mapping
from types import MappingProxyType

from apps.gateway.surfaces import chat, completions, messages, responses
from apps.gateway.surfaces.base import Surface
from apps.providers.llm.base import Operation

SURFACES: Mapping[Operation, Surface] = MappingProxyType(
    {
        surface.operation: surface
        for surface in (chat.SURFACE, completions.SURFACE, responses.SURFACE, messages.SURFACE)
    }
)
