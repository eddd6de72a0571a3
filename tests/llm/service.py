"""What tests of `/v1` ask, and what they look at afterwards."""

import json
import time
from dataclasses import dataclass, replace
from typing import Any

import httpx

from apps.accounts.models import Workspace
from apps.billing.models import Wallet
from apps.llm.models import CreditBlock, Usage
from apps.ops.audit import differences
from tests.factories import WorkspaceFactory, api_key
from tests.llm_upstream.server import Scripted

MODEL = "gpt-4o-mini"


@dataclass
class Service:
    url: str
    client: httpx.Client
    provider: Scripted
    workspace: Workspace
    key: str
    points: int = 10_000_000

    def customer(
        self, *, points: int = 10_000_000, plan: str = "developer", **terms: Any
    ) -> "Service":
        """The same gateway, asked by another customer; `terms` are of the key."""
        workspace = WorkspaceFactory.create(points=points, plan=plan)
        key = api_key(workspace, **terms)
        return replace(self, workspace=workspace, key=key, points=points)

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {options.pop('key', self.key)}"}
        headers |= options.pop("headers", {})
        content = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.post(
            f"{self.url}/v1/{path}", content=content, headers=headers, **options
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return self.client.get(f"{self.url}/v1/{path}", headers=headers, **options)

    def chat(self, script: Any = "Hi", **fields: Any) -> httpx.Response:
        options = {name: fields.pop(name) for name in ("key", "headers") if name in fields}
        return self.post("chat/completions", asking(script, **fields), **options)

    def stream(self, script: Any = "Hi", **fields: Any) -> list[Any]:
        """All events of a streamed answer, parsed; "[DONE]" as it is."""
        return events(self.chat(script, stream=True, **fields).text)

    def usage(self) -> list[Usage]:
        """Its rows, oldest first."""
        return list(Usage.objects.of(self.workspace.pk).order_by("id"))

    def usage_when(self, count: int) -> list[Usage]:
        """The same once there are so many."""
        wait_for(lambda: len(self.usage()) >= count)
        return self.usage()

    def settled(self) -> None:
        """Until every block has been given back: a second after the last call."""
        wait_for(
            lambda: not CreditBlock.objects.of(self.workspace.pk).filter(state="open").exists()
        )

    def spent(self) -> int:
        """What the workspace has paid of what it had, when everything is settled; the books are in order."""
        self.settled()
        assert differences() == []
        wallet = Wallet.objects.of(self.workspace.pk).get()
        assert wallet.held == 0
        return self.points - wallet.available


def asking(script: Any = "Hi", **fields: Any) -> dict[str, Any]:
    content = script if isinstance(script, str) else json.dumps(script)
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}


def events(text: str) -> list[Any]:
    found: list[Any] = []
    for block in text.split("\n\n"):
        data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        if data:
            found.append("[DONE]" if data[0] == "[DONE]" else json.loads("\n".join(data)))
    return found


def wait_for(is_so: Any, *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
