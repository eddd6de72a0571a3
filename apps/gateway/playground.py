"""The chat playground of the dashboard: a person at a browser talks to a model as a program does over `/v1`.

The same way of a call with the same price; only who asks is found by the session instead of a key.
"""

from starlette.routing import Route
from starlette.types import Scope

from apps.gateway import sessions
from apps.gateway.admission import meta_of
from apps.gateway.llm.answering import Endpoint
from apps.gateway.llm.lanes import Lanes
from apps.gateway.llm.requests import Asked
from apps.gateway.llm.talking import Talk
from apps.gateway.surfaces import errors
from apps.gateway.surfaces.chat import Chat
from apps.llm.services.lane import Lane

PATH = "/w/{slug}/chat/stream"


async def person(lane: Lane, scope: Scope, told: dict[str, str]) -> Asked:
    """Who is signed in, counted as one caller in all their browsers. Raises what `sessions` does, and RateLimited."""
    identity = await sessions.member_of(scope, scope["path_params"]["slug"])
    allowance = await lane.limits.count_request(identity)
    told.update(allowance.headers)
    allowance.require()
    return Asked(identity, meta_of(scope), told)


def route(lanes: Lanes) -> Route:
    """POST: a chat completion of OpenAI's shape, usually streamed."""
    talk = Talk(Chat())
    return Route(
        PATH, Endpoint(lanes, route="w/chat/stream", shape=errors.openai, work=talk, who=person)
    )
