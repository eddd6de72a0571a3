"""Refusals in the shape of OpenAI's API."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse


@dataclass
class ApiError(Exception):
    """A refusal; the text is ours and safe to show."""

    message: str
    status: int = 400
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        return JSONResponse(self.body(), self.status)


def no_model(name: str) -> ApiError:
    return ApiError(
        f"The model {name!r} does not exist here.", 404, param="model", code="model_not_found"
    )


def failed(message: str) -> ApiError:
    return ApiError(message, 500, type="server_error")


def unsupported(message: str, param: str) -> ApiError:
    return ApiError(message, param=param, code="unsupported_value")
