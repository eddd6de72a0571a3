"""A caller of the API with a key, and clean counters."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.accounts import access
from apps.accounts.models import Workspace
from tests.factories import api_key


@dataclass
class Caller:
    """Speaks to the API as a program does: JSON in, JSON out, no cookies."""

    key: str = ""
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """`headers` as WSGI names them: HTTP_IDEMPOTENCY_KEY="…"."""
        if self.key:
            headers = {"HTTP_X_API_KEY": self.key, **headers}
        data = (
            body if isinstance(body, bytes | str) else json.dumps(body) if body is not None else ""
        )
        response: Any = self.client.generic(
            method, path, data, content_type="application/json", **headers
        )
        return response

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)


def caller_of(workspace: Workspace, **terms: Any) -> Caller:
    """A caller with a new key of the workspace."""
    return Caller(api_key(workspace, **terms))


@pytest.fixture(autouse=True)
def _forget_uses() -> None:
    access.forget_noted_uses()


@pytest.fixture
def api(key: str) -> Caller:
    """A caller with every scope in `workspace`."""
    return Caller(key)
