"""The server's routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.localmodels import audio, chat, images, texts
from apps.localmodels.chat_bodies import MODEL as CHAT_MODEL
from apps.localmodels.errors import ApiError, failed, no_model
from apps.localmodels.work import ClientGone
from apps.providers.local.chat.llama import llama

MODELS = (
    CHAT_MODEL,
    texts.EMBEDDING_MODEL,
    audio.SPEECH_MODEL,
    audio.TRANSCRIPTION_MODEL,
    images.MODEL,
    texts.MODERATION_MODEL,
)
_OWNER = "modelyard"
_SINCE = 1_738_713_600  # the youngest of the weights was published then; a fixed answer is a cacheable one


def create_app() -> Starlette:
    """An application without state of its own: engines belong to the process."""
    return Starlette(
        lifespan=_lifespan,
        routes=[
            Route("/healthz", _health),
            Route("/v1/models", _models),
            Route("/v1/models/{id}", _model),
            Route("/v1/chat/completions", chat.chat, methods=["POST"]),
            Route("/v1/completions", chat.completions, methods=["POST"]),
            Route("/v1/embeddings", texts.embeddings, methods=["POST"]),
            Route("/v1/moderations", texts.moderations, methods=["POST"]),
            Route("/v1/audio/speech", audio.speech, methods=["POST"]),
            Route("/v1/audio/transcriptions", audio.transcriptions, methods=["POST"]),
            Route("/v1/audio/translations", audio.translations, methods=["POST"]),
            Route("/v1/images/generations", images.generations, methods=["POST"]),
            Route("/v1/images/edits", images.edits, methods=["POST"]),
        ],
        exception_handlers={
            ApiError: _refused,
            HTTPException: _not_found,
            ClientGone: _unheard,
            Exception: _broken,
        },
    )


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    yield
    llama.end()


async def _health(request: Request) -> JSONResponse:
    seen = chat.slots.statistics()
    slots = {"busy": seen.borrowed_tokens, "waiting": seen.tasks_waiting}
    return JSONResponse({"status": "ok", "chat_is_loaded": llama.is_loaded, "chat_slots": slots})


async def _models(request: Request) -> JSONResponse:
    return JSONResponse({"object": "list", "data": [_described(name) for name in MODELS]})


async def _model(request: Request) -> JSONResponse:
    name = request.path_params["id"]
    if name not in MODELS:
        raise no_model(name)
    return JSONResponse(_described(name))


def _described(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": _SINCE, "owned_by": _OWNER}


async def _refused(request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, ApiError) else await _broken(request, error)


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    told = ApiError(f"There is no {request.method} {request.url.path} here.", status)
    return told.response()


async def _unheard(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _broken(request: Request, error: Exception) -> Response:
    return failed("The server failed on this request.").response()
