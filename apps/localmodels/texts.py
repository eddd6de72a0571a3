"""`/v1/embeddings` and `/v1/moderations`."""

import base64
from secrets import token_hex
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from apps.localmodels.bodies import Body, json_body
from apps.localmodels.errors import ApiError, no_model, unsupported
from apps.localmodels.work import Bench, while_wanted

EMBEDDING_MODEL = "local-embedding"
MODERATION_MODEL = "local-moderation"
_MOST_TOKENS = 100_000  # in all texts of a request
_bench = Bench(2)


class EmbeddingBody(Body):
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class ModerationBody(Body):
    model: str = MODERATION_MODEL
    input: str | Annotated[list[str | dict[str, Any]], Field(min_length=1, max_length=256)]


async def embeddings(request: Request) -> JSONResponse:
    body = await json_body(request, EmbeddingBody)
    if body.model != EMBEDDING_MODEL:
        raise no_model(body.model)
    if body.dimensions not in (None, 384):
        raise unsupported("This model's vectors have 384 dimensions, never others.", "dimensions")
    texts = [body.input] if isinstance(body.input, str) else body.input
    async with while_wanted(request.receive):
        vectors, tokens = await _bench.run(lambda: _embedded(texts))
    is_plain = body.encoding_format == "float"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": vector.tolist()
            if is_plain
            else base64.b64encode(vector.astype("<f4").tobytes()).decode(),
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


def _embedded(texts: list[str]) -> tuple[Any, int]:
    from apps.providers.local.chat import embedding  # noqa: PLC0415 - loads NumPy and ONNX

    cut = [embedding.windows(text) for text in texts]
    for index, windows in enumerate(cut):
        if not windows.total:
            raise ApiError(f"input {index} has nothing in it to read.", param="input")
        if windows.total > embedding.LONGEST:
            raise ApiError(
                f"input {index} has {windows.total} tokens; the limit is {embedding.LONGEST}.",
                param="input",
                code="context_length_exceeded",
            )
    total = sum(windows.total for windows in cut)
    if total > _MOST_TOKENS:
        raise ApiError(f"input has {total} tokens; the limit is {_MOST_TOKENS}.", param="input")
    return embedding.embedded(cut), total


async def moderations(request: Request) -> JSONResponse:
    body = await json_body(request, ModerationBody)
    if body.model != MODERATION_MODEL:
        raise no_model(body.model)
    texts = _moderated_texts(body.input)
    async with while_wanted(request.receive):
        results = await _bench.run(lambda: _judged(texts))
    return JSONResponse({"id": f"modr-{token_hex(12)}", "model": body.model, "results": results})


def _moderated_texts(given: str | list[str | dict[str, Any]]) -> list[str]:
    """Parts of one message have one result together; plain texts one each."""
    if isinstance(given, str):
        return [given]
    parts = [part for part in given if isinstance(part, dict)]
    for part in parts:
        if part.get("type") != "text":
            raise unsupported("This model reads text only.", "input")
    plain = [part for part in given if isinstance(part, str)]
    return plain if not parts else ["\n".join([*plain, *(str(p.get("text")) for p in parts)])]


def _judged(texts: list[str]) -> list[dict[str, Any]]:
    from apps.providers.local.chat import moderation  # noqa: PLC0415 - loads NumPy and ONNX

    results = []
    for scores in moderation.scores(texts):
        categories = {name: score >= moderation.FLAGGED for name, score in scores.items()}
        results.append(
            {
                "flagged": any(categories.values()),
                "categories": categories,
                "category_scores": scores,
                "category_applied_input_types": {name: ["text"] for name in scores},
            }
        )
    return results
