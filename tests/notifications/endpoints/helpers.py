"""Endpoints, and what they were told."""

import uuid
from collections.abc import Callable
from typing import Any

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import endpoints
from apps.notifications.services.endpoints import By, Terms
from tests.factories import owner_of

URL = "https://hooks.example.com/all?token=ours"
TASKS = ("task.created", "task.completed", "task.failed", "task.cancelled")
Pump = Callable[..., bool]


def by(workspace: Workspace) -> By:
    return By(owner_of(workspace), "203.0.113.9")


def listening(
    workspace: Workspace, url: str = URL, events: tuple[str, ...] = ("mj_bot_banned",)
) -> tuple[Endpoint, str]:
    """An endpoint of the workspace and its secret."""
    terms = Terms(url=url, description="Shop", events=events)
    return endpoints.create(workspace_id=workspace.pk, terms=terms, by=by(workspace))


def of(endpoint: Endpoint) -> list[Delivery]:
    rows = Delivery.objects.of(endpoint.workspace_id).filter(hook=endpoint)
    return list(rows.order_by("id"))


def at(workspace: Workspace, endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    """Who does what to which endpoint, as services take it."""
    return {"workspace_id": workspace.pk, "endpoint_id": endpoint.pk, "by": by(workspace), **more}


def anybody(workspace: Workspace) -> dict[str, Any]:
    return {"workspace_id": workspace.pk, "endpoint_id": uuid.uuid4(), "by": by(workspace)}
