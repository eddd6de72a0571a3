"""A workspace's endpoints: adding, changing, their secrets, pausing, deleting. Every change leaves an audit event."""

import base64
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts import plans
from apps.accounts.models import User, Workspace
from apps.accounts.services import audit
from apps.core import sealing, webhook_urls
from apps.core.errors import DomainError, InvalidRequest, NotFound, PlanRequired
from apps.core.sentences import sentence
from apps.notifications import policies, selectors
from apps.notifications.events import ENDPOINT_ACCOUNT_EVENTS, TASK_EVENTS
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.selectors import listening
from apps.notifications.services import outbox, signing

# For so long after a rotation the old secret signs as well.
OVERLAP = timedelta(hours=24)
_SECRET_BYTES = 32
_LONGEST_DESCRIPTION = 100


@dataclass(frozen=True)
class Terms:
    """Where an endpoint is, what it is called, and the words of `events` it hears of."""

    url: str
    description: str
    events: Collection[str]


@dataclass(frozen=True)
class By:
    """Who does it, for the audit log."""

    actor: User | None
    ip: str | None = None


class TooManyEndpoints(DomainError):
    """The plan includes no more endpoints."""

    type = "plan_required"


@transaction.atomic
def create(*, workspace_id: int, terms: Terms, by: By) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which exists in readable form nowhere else from here on.

    Raises InvalidRequest for an address or events that cannot be, PlanRequired or TooManyEndpoints.
    """
    # The lock keeps two that are added at once within the limit.
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    _check(workspace, terms)
    most = policies.most_endpoints(rank=plans.terms_of_workspace(workspace).rank)
    if listening.endpoints(workspace_id=workspace_id).count() >= most:
        raise TooManyEndpoints(
            sentence("Your plan includes {count} endpoints.", count=most)
            if most > 1
            else sentence("Your plan includes 1 endpoint.")
        )
    made = Endpoint(workspace_id=workspace_id, created_by=by.actor)
    secret = _new_secret()
    made.secret = sealing.seal(secret, bound_to=made.sealed_to)
    _write(made, terms)
    made.save(force_insert=True)
    record(made, "created", by, {"events": made.events})
    return made, secret


@transaction.atomic
def change(*, workspace_id: int, endpoint_id: uuid.UUID, terms: Terms, by: By) -> None:
    """Go by other terms from now on; what waits goes to the new address. Raises as `create` does, and NotFound."""
    workspace = Workspace.objects.get(pk=workspace_id)
    found = locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    _check(workspace, terms, had=found.events)
    old_lane, old_host = found.lane, webhook_urls.host_of(found.url)
    _write(found, terms)
    found.save(update_fields=["url", "lane", "description", "events"])
    if found.lane != old_lane:
        waiting = Delivery.objects.of(workspace_id).filter(hook=found, state=Delivery.State.WAITING)
        waiting.update(lane=found.lane)
    record(found, "changed", by, {"events": found.events, "before": old_host})


@transaction.atomic
def rotate(*, workspace_id: int, endpoint_id: uuid.UUID, by: By) -> str:
    """Sign with a new secret from now on, and for a day with the one before as well. Gives the new one, once.

    Raises NotFound, and InvalidRequest while two secrets sign: a third would cut off receivers that know the first.
    """
    found = locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    if found.is_overlapping:
        raise InvalidRequest(
            sentence("The secret was changed in the last 24 hours. End the overlap first.")
        )
    secret = _new_secret()
    found.both_secrets, found.previous_until = _joined(found, secret)
    found.secret = sealing.seal(secret, bound_to=found.sealed_to)
    found.rotated_at = timezone.now()
    found.save(update_fields=["secret", "both_secrets", "previous_until", "rotated_at"])
    record(found, "secret_rotated", by)
    return secret


@transaction.atomic
def end_overlap(*, workspace_id: int, endpoint_id: uuid.UUID, by: By) -> None:
    """The old secret signs no more: for one that leaked. Safe to repeat. Raises NotFound."""
    found = locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    if found.previous_until is None:
        return
    found.both_secrets, found.previous_until = "", None
    found.save(update_fields=["both_secrets", "previous_until"])
    record(found, "overlap_ended", by)


@transaction.atomic
def pause(*, workspace_id: int, endpoint_id: uuid.UUID, by: By) -> None:
    """Send nothing more; what comes up meanwhile is kept for replay. Safe to repeat. Raises NotFound."""
    found = locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    if found.state == Endpoint.State.ACTIVE:
        move(found, Endpoint.State.PAUSED)
        record(found, "paused", by)


@transaction.atomic
def resume(*, workspace_id: int, endpoint_id: uuid.UUID, by: By) -> None:
    """Send what comes up from now on, with a clean sheet. Safe to repeat. Raises NotFound."""
    found = locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    if found.state != Endpoint.State.ACTIVE:
        move(found, Endpoint.State.ACTIVE)
        record(found, "resumed", by)


@transaction.atomic
def delete(*, workspace_id: int, endpoint_id: uuid.UUID, by: By) -> None:
    """Send nothing more, and forget the secret. Raises NotFound."""
    found = locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    found.secret, found.both_secrets, found.previous_until = "", "", None
    found.events = []
    move(found, Endpoint.State.DELETED, "secret", "both_secrets", "previous_until", "events")
    record(found, "deleted", by)


def locked(*, workspace_id: int, endpoint_id: uuid.UUID) -> Endpoint:
    """The endpoint, for a transaction that changes it. Raises NotFound."""
    rows = listening.endpoints(workspace_id=workspace_id).filter(pk=endpoint_id)
    found = rows.select_for_update(no_key=True, of=("self",)).first()
    if found is None:
        raise NotFound(sentence("There is no endpoint {id}.", id=endpoint_id))
    return found


def move(endpoint: Endpoint, state: Endpoint.State, *changed: str) -> None:
    """Put a locked endpoint into another state; what was counted of failures ends with the old one.

    `changed` are other fields that are to be saved with it.
    """
    endpoint.state, endpoint.state_since = state, timezone.now()
    endpoint.failures, endpoint.failing_since, endpoint.told_for = 0, None, None
    fields = ["state", "state_since", "failures", "failing_since", "told_for"]
    endpoint.save(update_fields=[*fields, *changed])


def _check(workspace: Workspace, terms: Terms, *, had: Collection[str] = ()) -> None:
    webhook_urls.check(terms.url.strip(), field="url")
    if len(terms.description.strip()) > _LONGEST_DESCRIPTION:
        words = sentence("Use at most {count} characters.", count=_LONGEST_DESCRIPTION)
        raise InvalidRequest.field("description", words)
    wanted = set(terms.events)
    if not wanted:
        raise InvalidRequest.field("events", sentence("Choose at least one event."))
    if unknown := sorted(wanted - set(TASK_EVENTS) - set(ENDPOINT_ACCOUNT_EVENTS)):
        words = sentence("There is no event {name}.", name=unknown[0][:40])
        raise InvalidRequest.field("events", words)
    # What a better plan had once may stay: nothing is sent until the plan includes it again.
    new = (wanted & set(ENDPOINT_ACCOUNT_EVENTS)) - set(had)
    if new and not selectors.may_have_hook(workspace=workspace):
        raise PlanRequired(policies.NEEDS_DEVELOPER)


def _write(endpoint: Endpoint, terms: Terms) -> None:
    endpoint.url = terms.url.strip()
    endpoint.lane = outbox.lane_of(workspace_id=endpoint.workspace_id, endpoint=endpoint.url)
    endpoint.description = terms.description.strip()
    names = (*TASK_EVENTS, *ENDPOINT_ACCOUNT_EVENTS)
    endpoint.events = [name for name in names if name in set(terms.events)]


def _joined(endpoint: Endpoint, secret: str) -> tuple[str, datetime | None]:
    """The new secret with the present one, sealed, and until when both sign; without one that cannot be read."""
    try:
        before = sealing.unseal(endpoint.secret, bound_to=endpoint.sealed_to)
    except sealing.CannotOpen:
        return "", None
    both = signing.joined(secret, before)
    return sealing.seal(both, bound_to=endpoint.sealed_to), timezone.now() + OVERLAP


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def record(endpoint: Endpoint, what: str, by: By, detail: dict[str, object] | None = None) -> None:
    """Leave an audit event of what somebody did to the endpoint; it names the host, since the rest may hold a token."""
    audit(
        workspace_id=endpoint.workspace_id,
        actor=by.actor,
        action=f"webhook_endpoint.{what}",
        target=webhook_urls.host_of(endpoint.url),
        ip=by.ip,
        detail={"endpoint": str(endpoint.pk), **(detail or {})},
    )
