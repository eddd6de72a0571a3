"""Making a task from the body of an older call, and refusing it in that body's own words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rest_framework.request import Request

from apps.api.v1 import requests
from apps.api.views import identity_of
from apps.core.errors import DomainError, InvalidRequest
from apps.tasks.services import create
from apps.tasks.services.create import Created


def created(
    request: Request, body: dict[str, Any], *, names: Mapping[str, str], dialect: str = ""
) -> Created:
    """The task. `body` is what POST /api/v1/task takes; `names` says what the older body calls the fields of that
    one: `{"input.": ""}` where they stand at its top. Raises what creating a task raises, with these names.
    """
    try:
        received = requests.task_request(
            body,
            idempotency_key=requests.idempotency_key(request._request),
            deadline_seconds=requests.deadline_seconds(request._request),
        )
        return create.create_task(
            identity=identity_of(request), request=replace(received, dialect=dialect)
        )
    except DomainError as error:
        _rename(error, names)
        raise


def needed_text(body: dict[str, Any], name: str) -> str:
    """A field that must be there as text. Raises InvalidRequest."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest.field(name, "This field is required, as text.")
    return value


def _rename(error: DomainError, names: Mapping[str, str]) -> None:
    if not error.detail or not isinstance(error.detail.get("field"), str):
        return
    detail = dict(error.detail)
    detail["field"] = _renamed(detail["field"], names)
    if error.message.startswith(f"{error.detail['field']}:"):
        error.message = detail["field"] + error.message[len(error.detail["field"]) :]
    if "errors" in detail:
        detail["errors"] = [
            {**one, "field": _renamed(one["field"], names)} for one in detail["errors"]
        ]
    error.detail = detail


def _renamed(field: str, names: Mapping[str, str]) -> str:
    for name, older in names.items():
        if field.startswith(name):
            return older + field.removeprefix(name)
    return field
