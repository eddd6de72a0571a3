"""A receiver of webhooks: keeps what comes, answers as told.

`POST /_knobs {"answer": "200"}` sets the answer of every path, `{"path": "/a", "answer": "slow=3"}` that of one.
Answers, several separated by spaces for the first, second, … request (the last one stays): a status; `429=7` with
`Retry-After: 7`; `302=http://…`; `slow=3` (200 after so many seconds); hang; stall (half an answer); drop.
"""

import hashlib
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

import orjson

from tests.upstream.http import Reply, Request, Server

_OK = b'{"ok":true}'


@dataclass(slots=True)
class Received:
    """One POST. `json` is None where the body is none."""

    at: float
    path: str
    headers: dict[str, str]
    sha256: str
    body: bytes
    answer: str

    @property
    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    @property
    def task_id(self) -> str:
        data = self.json.get("data") if isinstance(self.json, dict) else None
        return str(data.get("task_id", "")) if isinstance(data, dict) else ""

    def shown(self) -> dict[str, Any]:
        return asdict(self) | {"body": self.body.decode("utf-8", "replace"), "json": self.json}


@dataclass
class Log:
    received: list[Received] = field(default_factory=list)
    by_path: Counter[str] = field(default_factory=Counter)

    def add(self, one: Received) -> None:
        self.received.append(one)
        self.by_path[one.path] += 1

    def counts(self) -> dict[str, Any]:
        return {
            "total": len(self.received),
            "by_path": self.by_path,
            "by_answer": Counter(one.answer for one in self.received),
            "by_id": Counter(one.headers.get("webhook-id", "") for one in self.received),
            "by_task": Counter(one.task_id for one in self.received),
        }


class Receiver:
    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.log = Log()
        self.answers = {"": ["200"]}
        self.server = Server(self._handle, host=host, port=port)

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        self.server.stop()

    def _handle(self, request: Request) -> Reply:
        if request.path.startswith("/_"):
            return self._control(request)
        answers = self.answers.get(request.path) or self.answers[""]
        answer = answers[min(self.log.by_path[request.path], len(answers) - 1)]
        self.log.add(
            Received(
                at=time.time(),
                path=request.path,
                headers=request.headers,
                sha256=hashlib.sha256(request.body).hexdigest(),
                body=request.body,
                answer=answer,
            )
        )
        return _reply(answer)

    def _control(self, request: Request) -> Reply:
        match (request.method, request.path):
            case ("GET", "/_received"):
                return Reply(body=orjson.dumps(self._shown(request.query)))
            case ("POST", "/_knobs"):
                values = orjson.loads(request.body)
                self.answers[values.get("path", "")] = values["answer"].split()
                return Reply(body=orjson.dumps(self.answers))
            case ("POST", "/_reset"):
                self.log = Log()
                self.answers = {"": ["200"]}
                return Reply(body=b"{}")
        return Reply(status=404)

    def _shown(self, query: dict[str, str]) -> dict[str, Any]:
        """The counts; with `?all=1` every request, with `?path=/a` those of one path."""
        counts = self.log.counts()
        if "all" in query or "path" in query:
            path = query.get("path")
            rows = (one for one in self.log.received if path in (None, one.path))
            counts["requests"] = [one.shown() for one in rows]
        return counts


def _reply(answer: str) -> Reply:
    word, _, value = answer.partition("=")
    if word == "slow":
        return Reply(body=_OK, after=float(value))
    if not word.isdigit():
        return Reply(body=_OK, fault=cast(Literal["hang", "stall", "drop"], word))
    header = {"429": "retry-after", "503": "retry-after", "302": "location"}.get(word)
    return Reply(status=int(word), body=_OK, headers={header: value} if header and value else {})


if __name__ == "__main__":
    from tests.upstream import command

    command.main(
        lambda host, port: Receiver(host=host, port=port),
        description="A receiver of webhooks for tests; GET /_received shows what came.",
    )
