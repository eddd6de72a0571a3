"""The paths of `/v1`, each with and without a slash at its end."""

from starlette.routing import BaseRoute, Route

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


def routes(lanes: Lanes) -> list[BaseRoute]:
    """All of them, on one lane."""
    found: list[BaseRoute] = []
    for path, surface, shape in _SURFACES:
        found += _both(path, Endpoint(lanes, route=f"v1/{path}", shape=shape, work=Talk(surface)))
    for path, kind in _PLAIN:
        work = Plain(kind)
        found += _both(path, Endpoint(lanes, route=f"v1/{path}", shape=errors.openai, work=work))
    for path, view in (("models", listing.models), ("models/{model:path}", listing.model)):
        endpoint = Endpoint(lanes, route=f"v1/{path}", shape=errors.openai, work=view, method="GET")
        found += _both(path, endpoint)
    return found


def _both(path: str, endpoint: Endpoint) -> list[BaseRoute]:
    return [Route(f"/v1/{path}", endpoint), Route(f"/v1/{path}/", endpoint)]
