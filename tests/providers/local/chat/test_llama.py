"""The language model without the server around it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from apps.providers.local.chat import wire
from apps.providers.local.chat.llama import CONTEXT, SLOTS, Llama, start


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Llama:
    return start(tmp_path_factory.mktemp("l") / "llama.sock")


async def busy(socket: Path) -> list[bool]:
    async with wire.ask(socket, "GET", "/slots") as reply:
        found: list[dict[str, Any]] = json.loads(await reply.body())
    assert [slot["n_ctx"] for slot in found] == [CONTEXT] * SLOTS
    return [slot["is_processing"] for slot in found]


def endless(text: str) -> bytes:
    return json.dumps(
        {
            "messages": [{"role": "user", "content": text}],
            "stream": True,
            "max_tokens": 1500,
            "ignore_eos": True,
        }
    ).encode()


def test_who_leaves_a_stream_frees_the_slot(llama: Llama) -> None:
    async def run() -> None:
        asked = endless("Count from one to a thousand.")
        async with wire.ask(llama.socket, "POST", "/v1/chat/completions", asked) as reply:
            assert reply.status == 200
            async for _ in reply.parts():
                break
            assert any(await busy(llama.socket))
        while any(await busy(llama.socket)):
            pass

    asyncio.run(asyncio.wait_for(run(), 300))


def test_who_leaves_while_the_prompt_is_read_frees_the_slot(llama: Llama) -> None:
    async def run() -> None:
        async def ask() -> None:
            asked = endless("Tell me of Paris. " * 350)
            async with wire.ask(llama.socket, "POST", "/v1/chat/completions", asked) as reply:
                await reply.body()

        asking = asyncio.create_task(ask())
        while not any(await busy(llama.socket)):
            pass
        asking.cancel()
        while any(await busy(llama.socket)):
            pass

    asyncio.run(asyncio.wait_for(run(), 300))


def test_it_listens_to_no_port(llama: Llama) -> None:
    assert llama.server.listening_address == f"unix://{llama.socket}"


def test_nobody_there_is_an_oserror(tmp_path: Path) -> None:
    async def run() -> None:
        async with wire.ask(tmp_path / "none.sock", "GET", "/slots"):
            pass

    with pytest.raises(OSError, match="No such file"):
        asyncio.run(run())
