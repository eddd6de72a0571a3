"""What tests of conversations ask."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.llm.service import Service, events

BASE = "/api/chatgpt/v1"


def text(said: Any = "Hi") -> dict[str, Any]:
    """A question; anything but a text is a script for the provider."""
    plain = said if isinstance(said, str) else json.dumps(said)
    return {"content": {"content_type": "text", "parts": [plain]}}


@dataclass
class Talking:
    """A client of the conversation API."""

    service: Service
    key: str

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.service.client.post(
            f"{self.service.url}{BASE}/{path}",
            content=json.dumps(body),
            headers={"x-api-key": self.key, **headers},
        )

    def get(self, path: str) -> httpx.Response:
        return self.service.client.get(
            f"{self.service.url}{BASE}/{path}", headers={"x-api-key": self.key}
        )

    def create(self, said: Any = "Hi", model: str = "gpt-4o", **fields: Any) -> httpx.Response:
        return self.post("conversation", {"model": model, **text(said), **fields})

    def begun(self, said: Any = "Hi", model: str = "gpt-4o", **fields: Any) -> str:
        """The id of a new conversation, after its first answer."""
        answer = self.create(said, model, **fields)
        assert answer.status_code == 200, answer.text
        found: str = events(answer.text)[-2]["conversation_id"]
        return found

    def say(self, conversation: str, said: Any = "Hi", **fields: Any) -> httpx.Response:
        return self.post(f"conversation/{conversation}", {**text(said), **fields})

    def upload(self, conversation: str, name: str, data: bytes) -> httpx.Response:
        return self.service.client.post(
            f"{self.service.url}{BASE}/conversation/{conversation}/file",
            files={"file": (name, data)},
            headers={"x-api-key": self.key},
        )

    def asked(self) -> dict[str, Any]:
        """What the provider was asked last."""
        body: dict[str, Any] = self.service.provider.seen[-1].body
        return body
