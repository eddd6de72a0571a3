"""The paths of `/v1`, each with and without a slash at its end."""

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from apps.gateway.llm import listing, plain
from apps.gateway.llm.answering import Endpoint, Shape
from apps.gateway.llm.lanes import Lanes
from apps.gateway.llm.plain import Plain
from apps.gateway.llm.talking import Talk
from apps.gateway.surfaces import errors
from apps.gateway.surfaces.base import Surface
from apps.gateway.surfaces.chat import Chat
from apps.gateway.surfaces.completions import Completions
from apps.gateway.surfaces.messages import Messages
from apps.gateway.surfaces.responses import Responses

_SURFACES: tuple[tuple[str, Surface, Shape], ...] = (
    ("chat/completions", Chat(), errors.openai),
    ("completions", Completions(), errors.openai),
    ("responses", Responses(), errors.openai),
    ("messages", Messages(), errors.anthropic),
)
_PLAIN = (
    ("embeddings", plain.EMBEDDINGS),
    ("images/generations", plain.IMAGES),
    ("images/edits", plain.IMAGE_EDITS),
    ("audio/speech", plain.SPEECH),
    ("audio/transcriptions", plain.TRANSCRIPTION),
    ("audio/translations", plain.TRANSLATION),
    ("moderations", plain.MODERATION),
)


def fixed(lanes: Lanes) -> dict[str, ASGIApp]:
    """What serves each path that has no variable part: looked up, which a router's patterns are not."""
    found: dict[str, ASGIApp] = {}
    for path, surface, shape in _SURFACES:
        found[path] = Endpoint(lanes, route=f"v1/{path}", shape=shape, work=Talk(surface))
    for path, kind in _PLAIN:
        found[path] = Endpoint(lanes, route=f"v1/{path}", shape=errors.openai, work=Plain(kind))
    found["models"] = Endpoint(
        lanes, route="v1/models", shape=errors.openai, work=listing.models, method="GET"
    )
    both = {f"/v1/{path}": endpoint for path, endpoint in found.items()}
    return both | {f"{path}/": endpoint for path, endpoint in both.items()}


def variable(lanes: Lanes) -> list[BaseRoute]:
    """The rest."""
    model = Endpoint(
        lanes, route="v1/models/{model}", shape=errors.openai, work=listing.model, method="GET"
    )
    return [Route("/v1/models/{model:path}", model)]
