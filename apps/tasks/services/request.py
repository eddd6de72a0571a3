"""From a request for a task to what would be done and what it costs, before anything is written."""

from dataclasses import dataclass, replace
from typing import Any

from apps.accounts.policies import Feature
from apps.accounts.selectors import Identity
from apps.byoa import selectors as byoa
from apps.catalog import pricing, registry
from apps.catalog import selectors as catalog
from apps.catalog.inputs import TaskInput
from apps.catalog.spec import TaskSpec
from apps.core import webhook_urls
from apps.core.errors import DomainError, InvalidRequest, PlanRequired
from apps.core.sentences import sentence
from apps.tasks import policies
from apps.tasks.models import Retention
from apps.tasks.policies import PRIVATE, PUBLIC
from apps.tasks.services import follow_ups, prompts
from apps.tasks.services.follow_ups import Origin

_BOT_ID = sentence(
    "bot_id chooses one of your own accounts: it needs the Premium plan and service_mode private."
)


class WorkspaceSuspended(DomainError):
    """The operator switched the workspace off: it can be read, nothing new starts."""

    type = "scope_denied"


@dataclass(frozen=True)
class TaskRequest:
    """What a transport received, not yet checked beyond being JSON.

    `idempotency_key` and `fingerprint` (SHA-256 of the canonical body) go together. `webhook_progress` None leaves it
    to the model; `dialect` is the shape of its webhooks ("" or "v2"); `deadline_seconds` counts from creation, waiting
    included.
    """

    model: object
    task_type: object
    input: dict[str, Any]
    service_mode: str = ""
    webhook_endpoint: str = ""
    webhook_secret: str = ""
    webhook_progress: bool | None = None
    dialect: str = ""
    client_reference: str = ""
    retention: str = Retention.PLAN
    deadline_seconds: int | None = None
    idempotency_key: str | None = None
    fingerprint: bytes = b""


@dataclass(frozen=True)
class Prepared:
    """A request that is valid and priced for its workspace.

    `asked_mode` is the speed, `relax_points` what it costs when only the slow one can be had. `origin` is what it
    continues, `account_id` the own account that it names.
    """

    spec: TaskSpec
    values: TaskInput
    quote: pricing.Quote
    service_mode: str
    webhook_progress: bool
    asked_mode: str = ""
    model_version: str = ""
    action: str = ""
    relax_points: int | None = None
    origin: Origin | None = None
    account_id: int | None = None
    failover_triggered: bool = False

    @property
    def is_private(self) -> bool:
        return self.service_mode == PRIVATE


def prepare(*, identity: Identity, request: TaskRequest, leaves_own: bool = False) -> Prepared:
    """Check and price a request. Reads only; raises the refusal that a customer gets.

    In this order: model, task type, input, what it continues, options, plan, seat, prompt. Whether somebody can serve
    it now is not asked here (`routing`), so that a quote can be had for what is unavailable. `leaves_own`: no own
    account can, so a private request is prepared as one that went over to the public pool.
    """
    spec = registry.spec_of(request.model, request.task_type)
    values = spec.parse(request.input)
    origin = follow_ups.origin(workspace_id=identity.workspace_id, spec=spec, values=values)
    if request.webhook_endpoint:
        webhook_urls.check(request.webhook_endpoint, field="config.webhook_config.endpoint")
    if not identity.is_enabled:
        raise WorkspaceSuspended(sentence("This workspace is suspended. Ask the operator why."))
    catalog.check_plan(spec=spec, plan=identity.plan)
    policies.check_retention(retention=request.retention, plan=identity.plan)
    pool = PUBLIC if leaves_own else _pool(identity, spec, request.service_mode, origin)
    account_id = _named_account(identity, values, pool)
    if pool == PRIVATE and origin is None:
        byoa.require_seat(workspace_id=identity.workspace_id, family=spec.family)
    prompts.check(values, pool=pool)
    made = Prepared(
        spec=spec,
        values=values,
        quote=_quote(identity, spec, values, pool),
        service_mode=pool,
        webhook_progress=_tells_progress(spec, request),
        asked_mode=spec.process_mode(values) if spec.process_mode else "",
        model_version=spec.model_version(values) if spec.model_version else "",
        action=spec.action(values) if spec.action else "",
        origin=origin,
        account_id=account_id,
        failover_triggered=leaves_own,
    )
    return replace(made, relax_points=_relax_points(identity, made))


def _pool(identity: Identity, spec: TaskSpec, asked: str, origin: Origin | None) -> str:
    """Whose accounts are to make it: the parent's pool, else what is asked for, else the workspace's choice."""
    if asked not in {"", PUBLIC, PRIVATE}:
        raise InvalidRequest.field(
            "config.service_mode", sentence('Give "public", "private" or leave it empty.')
        )
    if origin is not None:
        return origin.service_mode
    return asked or (PRIVATE if spec.family in identity.private_families else PUBLIC)


def _named_account(identity: Identity, values: TaskInput, pool: str) -> int | None:
    """The own account that the input names, if it may name one."""
    bot_id = int(getattr(values, "bot_id", 0))
    if not bot_id:
        return None
    if pool != PRIVATE or not identity.terms.includes(Feature.BOT_ID):
        raise PlanRequired(
            _BOT_ID,
            detail={"field": "input.bot_id", "needed_plan": "premium"},
        )
    return bot_id


def _quote(identity: Identity, spec: TaskSpec, values: TaskInput, pool: str) -> pricing.Quote:
    """Work on own accounts is paid by their owner, and costs nothing here."""
    if pool == PRIVATE:
        return pricing.Quote(0, ())
    return pricing.quote(
        spec=spec, values=values, workspace_id=identity.workspace_id, plan=identity.plan
    )


def _relax_points(identity: Identity, made: Prepared) -> int | None:
    """What it costs when no fast time can be had and it runs in the slow mode; None where there is no such choice."""
    slower = made.spec.slower(made.values) if made.spec.slower is not None else None
    if made.is_private or slower is None:
        return None
    return min(_quote(identity, made.spec, slower, PUBLIC).points, made.quote.points)


def _tells_progress(spec: TaskSpec, request: TaskRequest) -> bool:
    asked = request.webhook_progress
    return spec.tells_progress if asked is None else asked
