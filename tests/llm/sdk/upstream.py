"""The scripted provider, and one that answers exactly what a test hands it."""

from typing import Any

from aiohttp import web

from tests.llm_upstream.server import Scripted


class Handed(Scripted):
    """Answers in their turn, whatever is asked: a dict as JSON, bytes as a stream of events. Else the script."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[dict[str, Any] | bytes] = []

    def hand(self, *answers: dict[str, Any] | bytes) -> None:
        self._answers += answers

    @property
    def asked(self) -> Any:
        """The body of the newest request."""
        return self.seen[-1].body

    async def _answer(self, request: web.Request, path: str, body: Any) -> web.StreamResponse:
        if not self._answers:
            return await super()._answer(request, path, body)
        answer = self._answers.pop(0)
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="text/event-stream")
        return web.json_response(answer)
