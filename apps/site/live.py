"""A picture that a visitor has made on the first page: one real task of a workspace whose credits the operator gives.

The task is the visitor's as far as the browser holds a signed token for it; nobody finds it otherwise.
"""

import logging
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.core import signing

from apps.accounts.models import Membership
from apps.accounts.policies import Role
from apps.accounts.selectors import Identity, identity_of_member
from apps.core import throttling
from apps.core.errors import DomainError, InvalidRequest
from apps.core.sentences import sentence
from apps.tasks import selectors
from apps.tasks.models import Task
from apps.tasks.services.create import create_task
from apps.tasks.services.request import TaskRequest

log = logging.getLogger(__name__)

MODEL, TASK_TYPE = "modelyard/illustration", "text-to-image"
LONGEST_PROMPT = 200
# In ten minutes: of one address, and of everybody.
MOST_OF_ONE, MOST_OF_ALL = 5, 100
_WINDOW_SECONDS = 600
_TOKEN_SECONDS = 3600
_SALT = "site.live"
_NAME = "landing"


@dataclass(frozen=True)
class Live:
    """What has become of it. `picture` is its address once it is there."""

    token: str
    prompt: str
    is_finished: bool
    picture: str
    seconds: float | None


def is_on() -> bool:
    """Whether a workspace stands in for it that can start something."""
    return _sponsor() is not None


def start(*, prompt: str, ip: str) -> str:
    """A token for the new task. Raises InvalidRequest, RateLimited, and what a task is refused for."""
    prompt = " ".join(prompt.split())
    if not prompt:
        raise InvalidRequest.field("prompt", sentence("Say what to draw."))
    if len(prompt) > LONGEST_PROMPT:
        raise InvalidRequest.field(
            "prompt", sentence("Use at most {most} characters.", most=LONGEST_PROMPT)
        )
    sponsor = _sponsor()
    if sponsor is None:
        raise InvalidRequest(sentence("This page cannot run anything now."))
    for caller, limit in ((f"live:{ip}", MOST_OF_ONE), ("live", MOST_OF_ALL)):
        throttling.count_try(caller=caller, limit=limit, window_seconds=_WINDOW_SECONDS).require()
    request = TaskRequest(
        model=MODEL,
        task_type=TASK_TYPE,
        input={"prompt": prompt, "width": 768, "height": 512},
        client_reference=_NAME,
    )
    try:
        task = create_task(identity=sponsor, request=request).task
    except DomainError as error:
        log.warning("live example refused", extra={"error": error.type})
        raise
    return signing.dumps(str(task.id), salt=_SALT, compress=True)


def look(*, token: str) -> Live | None:
    """What the token's task has come to; None for a token that is none, or is over."""
    try:
        task_id = uuid.UUID(signing.loads(token, salt=_SALT, max_age=_TOKEN_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    sponsor = _sponsor()
    if sponsor is None:
        return None
    try:
        task = selectors.task(workspace_id=sponsor.workspace_id, task_id=task_id)
    except DomainError:
        return None
    return Live(
        token=token,
        prompt=str(task.input.get("prompt", "")),
        is_finished=task.is_finished,
        picture=_picture(task),
        seconds=_seconds(task),
    )


def _picture(task: Task) -> str:
    return str((task.output or {}).get("image_url") or "")


def _seconds(task: Task) -> float | None:
    if task.ended_at is None:
        return None
    return round((task.ended_at - task.created_at).total_seconds(), 1)


def _sponsor() -> Identity | None:
    """Whoever owns the workspace of the setting, acting in it."""
    if not settings.SHOWCASE_WORKSPACE:
        return None
    owner = (
        Membership.objects.select_related("workspace", "user")
        .filter(workspace__slug=settings.SHOWCASE_WORKSPACE, role=Role.OWNER)
        .first()
    )
    if owner is None or not owner.workspace.is_open:
        return None
    return identity_of_member(workspace=owner.workspace, user=owner.user, membership=owner)
