"""The work of each path: begin a conversation, go on with it, give it a file, get one back, read a round."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from apps.accounts.selectors import Identity
from apps.core import envelopes
from apps.core.errors import NotFound
from apps.core.threads import in_thread
from apps.gateway.conversations import reading, showing
from apps.gateway.conversations.streaming import RoundStream
from apps.gateway.llm.answering import Exchange
from apps.gateway.llm.requests import Asked
from apps.gateway.llm.talking import question_of
from apps.gateway.surfaces.base import Parsed, dumps
from apps.gateway.surfaces.chat import SURFACE
from apps.llm.models import ConversationFile
from apps.llm.selectors import conversations as selectors
from apps.llm.services import calls
from apps.llm.services.conversations import files, rounds
from apps.llm.services.conversations.extraction import extracted
from apps.llm.services.conversations.preparing import Prepared, prepare
from apps.llm.services.conversations.prices import FAMILY
from apps.llm.services.lane import Lane
from apps.llm.services.questions import Question


async def create(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """A conversation with its first question, answered as a stream."""
    body = reading.mapping(await exchange.body())
    prepared = await in_thread(
        prepare,
        identity=asked.identity,
        opening=reading.opening(body),
        said=reading.said(body),
        service_mode=reading.service_mode(body, asked.service_mode),
    )
    await answer(lane, exchange, asked, prepared)


async def go_on(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """The next question of a conversation, answered as a stream."""
    body = reading.mapping(await exchange.body())
    prepared = await in_thread(
        prepare,
        identity=asked.identity,
        conversation_id=_named(exchange, "conversation_id"),
        said=reading.said(body),
        service_mode=reading.service_mode(body, asked.service_mode),
    )
    await answer(lane, exchange, asked, prepared)


async def answer(lane: Lane, exchange: Exchange, asked: Asked, prepared: Prepared) -> None:
    """Hold what it may cost, write the question down, stream the answer."""
    await _require_gpt(lane, prepared)
    question = _question(exchange, asked, prepared)
    opening = calls.opened(lane, question, told=exchange.told, price=prepared.price, family=FAMILY)
    with await opening as call:
        round = await in_thread(
            rounds.begin, identity=asked.identity, prepared=prepared, answer_id=question.call_id
        )
        exchange.told["x-task-id"] = str(round.answer_id)
        exchange.told["x-conversation-id"] = str(round.conversation_id)
        await RoundStream(exchange, call, round)()


async def _require_gpt(lane: Lane, prepared: Prepared) -> None:
    """A GPT that is no assistant of the workspace's needs an upstream that has GPTs."""
    if not prepared.is_foreign or prepared.is_private:
        return
    await lane.roster.refresh()
    if not lane.roster.is_served(family=FAMILY, routes=prepared.model.every_route):
        raise NotFound(
            f"There is no assistant {prepared.opening.gizmo_id} in this workspace, and no account here serves the"
            " GPTs of other services. Make an assistant and use its id."
        )


def _question(exchange: Exchange, asked: Asked, prepared: Prepared) -> Question:
    parsed = Parsed(model=prepared.model.name, is_stream=True, body=prepared.body)
    question = question_of(SURFACE, parsed, asked=asked, request_id=exchange.name)
    mode = "private" if prepared.is_private else "public"
    return replace(question, service_mode=mode)


async def add_file(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """Read a file, keep it, charge for it."""
    conversation_id = _named(exchange, "conversation_id")
    # Before its bytes are read: nobody uploads to what is not theirs.
    await in_thread(_required, asked.identity, conversation_id)
    name, data = await reading.file(exchange.scope, await exchange.body())
    # Not among the few threads that have a database connection: a PDF may take half a minute.
    found = await asyncio.to_thread(extracted, name=name, data=data)
    file: ConversationFile = await in_thread(
        files.add, identity=asked.identity, conversation_id=conversation_id, found=found
    )
    await _succeed(exchange, shown(file))


def shown(file: ConversationFile) -> dict[str, Any]:
    """The contract's three fields, then ours."""
    found: dict[str, Any] = {
        "file_name": file.name,
        "file_id": file.public_id,
        "file_size": file.size,
        "mime_type": file.content_type,
        "pages": file.pages,
        "characters": len(file.text),
        "note": file.note,
    }
    if file.width is not None:
        found |= {"width": file.width, "height": file.height}
    return found


def _required(identity: Identity, conversation_id: str) -> None:
    selectors.conversation(workspace_id=identity.workspace_id, conversation_id=conversation_id)


async def get_file(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """An uploaded file's bytes."""
    file, data = await in_thread(
        files.download,
        identity=asked.identity,
        conversation_id=_named(exchange, "conversation_id"),
        file_id=_named(exchange, "file_id"),
    )
    disposition = f"attachment; filename*=UTF-8''{quote(file.name)}"
    await exchange.answer(
        data, content_type=file.content_type, headers={"content-disposition": disposition}
    )


async def get_sandbox(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """Files that a model makes for itself: no upstream we speak to lets us fetch one."""
    await in_thread(_required, asked.identity, _named(exchange, "conversation_id"))
    raise NotFound(
        "The model of this conversation has no sandbox, so there are no files of its own to download."
    )


async def get_task(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """A round as a task."""
    data = await in_thread(_task, asked.identity, _named(exchange, "task_id"))
    await _succeed(exchange, data)


def _task(identity: Identity, task_id: str) -> dict[str, Any]:
    answered, asked = selectors.answer(workspace_id=identity.workspace_id, answer_id=task_id)
    conversation = selectors.conversation(
        workspace_id=identity.workspace_id, conversation_id=answered.conversation_id
    )
    return showing.task(answered, asked, conversation)


async def _succeed(exchange: Exchange, data: Any) -> None:
    await exchange.answer(dumps(envelopes.success(data)))


def _named(exchange: Exchange, name: str) -> str:
    return str(exchange.scope["path_params"][name])
