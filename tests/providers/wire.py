"""Recorded answers, and an adapter's steps driven by them."""

from typing import Any

import orjson

from apps.core.wire import NoAnswer, Request, Response
from apps.providers import flow
from apps.providers.base import ProviderError


class Wire:
    """Answers one request after the other, and keeps what was asked."""

    def __init__(self, *answers: Response | NoAnswer) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    """Bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, headers=named, body=data)


def success(data: Any) -> Response:
    return answer({"code": 200, "message": "success", "data": data})


def refusal(status: int, code: int, message: str = "No.", **headers: str) -> Response:
    """The contract's error envelope."""
    error = {"code": code, "type": "", "message": message, "detail": None, "request_id": "req_1"}
    body = {"code": status, "message": message, "data": None, "error": error}
    return answer(body, status, **headers)


def run(steps: flow.Steps[Any], *answers: Response | NoAnswer) -> Any:
    """Its result, or the error it raises, as a value."""
    try:
        return flow.run(steps, Wire(*answers))
    except ProviderError as error:
        return error


def told(error: Any) -> tuple[Any, ...]:
    """An error as its class and what tells it from others of the class."""
    assert isinstance(error, ProviderError), error
    told_elsewhere = ("cost_points", "ends_work", "until")
    details = (value for name, value in vars(error).items() if name not in told_elsewhere)
    return (type(error), *details)
