"""From a request for a task to what would be done and what it costs, before anything is written."""

from dataclasses import dataclass
from typing import Any

from apps.accounts.selectors import Identity
from apps.catalog import pricing, registry
from apps.catalog import selectors as catalog
from apps.catalog.inputs import TaskInput
from apps.catalog.spec import TaskSpec
from apps.core import webhook_urls
from apps.core.errors import DomainError, InvalidRequest
from apps.tasks import policies
from apps.tasks.models import Retention


class NoSeat(DomainError):
    """The workspace has no seat of its own for this family."""

    type = "no_seat"


class WorkspaceSuspended(DomainError):
    """The operator switched the workspace off: it can be read, nothing new starts."""

    type = "scope_denied"


@dataclass(frozen=True)
class TaskRequest:
    """What a transport received, not yet checked beyond being JSON.

    `idempotency_key` and `fingerprint` (SHA-256 of the canonical body) go together. `webhook_progress` None leaves it
    to the model; `deadline_seconds` counts from creation, waiting included.
    """

    model: object
    task_type: object
    input: dict[str, Any]
    service_mode: str = ""
    webhook_endpoint: str = ""
    webhook_secret: str = ""
    webhook_progress: bool | None = None
    client_reference: str = ""
    retention: str = Retention.PLAN
    deadline_seconds: int | None = None
    idempotency_key: str | None = None
    fingerprint: bytes = b""


@dataclass(frozen=True)
class Prepared:
    """A request that is valid and priced for its workspace."""

    spec: TaskSpec
    values: TaskInput
    quote: pricing.Quote
    service_mode: str
    webhook_progress: bool


def prepare(*, identity: Identity, request: TaskRequest) -> Prepared:
    """Check and price a request. Reads only; raises the refusal that a customer gets.

    In this order: model, task type, input, options, plan, seat. Whether somebody can serve it now is not asked here
    (`byoa.selectors.required_route`), so that a quote can be had for what is unavailable.
    """
    spec = registry.spec_of(request.model, request.task_type)
    values = spec.parse(request.input)
    if request.webhook_endpoint:
        webhook_urls.check(request.webhook_endpoint, field="config.webhook_config.endpoint")
    if not identity.is_enabled:
        raise WorkspaceSuspended("This workspace is suspended. Ask the operator why.")
    catalog.check_plan(spec=spec, plan=identity.plan)
    policies.check_retention(retention=request.retention, plan=identity.plan)
    mode = _service_mode(spec, request.service_mode)
    quote = pricing.quote(
        spec=spec, values=values, workspace_id=identity.workspace_id, plan=identity.plan
    )
    progress = request.webhook_progress
    return Prepared(
        spec, values, quote, mode, spec.tells_progress if progress is None else progress
    )


def _service_mode(spec: TaskSpec, asked: str) -> str:
    if asked not in {"", "public", "private"}:
        raise InvalidRequest.field(
            "config.service_mode", 'Give "public", "private" or leave it empty.'
        )
    if asked == "private":
        raise NoSeat(
            f"There is no seat for {spec.family} in this workspace. Use public, or rent a seat and connect an account."
        )
    return "public"
