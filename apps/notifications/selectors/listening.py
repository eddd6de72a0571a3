"""Reading a workspace's endpoints and what was sent there. What a delivery carries is left in the database."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.core.tenancy import TenantQuerySet
from apps.notifications.models import Delivery, Endpoint, ReplayRun
from apps.notifications.selectors import Page

# Of an endpoint's test events: they stand in its log, and nowhere else.
TEST = "test"
HOURS = 24
_GIVEN_UP = (Delivery.State.FAILED, Delivery.State.STOPPED)
_HIDDEN = ("body", "secret", "sealed_to", "answers")


def endpoints(*, workspace_id: int) -> TenantQuerySet[Endpoint]:
    """The workspace's endpoints, but those that were deleted."""
    rows: TenantQuerySet[Endpoint] = Endpoint.objects.of(workspace_id).exclude(
        state=Endpoint.State.DELETED
    )
    return rows


def shown_endpoints(*, workspace_id: int) -> list[Endpoint]:
    """The same in the order they were made, without their secrets."""
    rows = endpoints(workspace_id=workspace_id).defer("secret", "both_secrets")
    return list(rows.order_by("created_at", "pk"))


def endpoint(*, workspace_id: int, endpoint_id: uuid.UUID) -> Endpoint:
    """One of them. Raises NotFound."""
    rows = endpoints(workspace_id=workspace_id).defer("secret", "both_secrets")
    found = rows.select_related("created_by").filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound(sentence("There is no endpoint {id}.", id=endpoint_id))
    return found


def hooks_subject(*, workspace_id: int) -> str:
    """What account events to endpoints are about. Those to the account hook have a subject of their own."""
    return f"hooks:{workspace_id}"


@dataclass(frozen=True)
class Asked:
    """Which deliveries of an endpoint; empty means all. `code` is the newest attempt's, 0: no answer."""

    state: str = ""
    event: str = ""
    code: int | None = None
    on: date | None = None
    task_id: uuid.UUID | None = None


def deliveries(*, endpoint: Endpoint, asked: Asked, limit: int, after: int | None = None) -> Page:
    """A page of what was sent to an endpoint, newest first."""
    rows = _of(endpoint).defer(*_HIDDEN)
    if asked.state:
        rows = rows.filter(state=asked.state)
    if asked.event:
        rows = rows.filter(kind=asked.event)
    if asked.code is not None:
        # An attempt without an answer has a null there, and a delivery without an attempt has nothing.
        rows = rows.filter(**{"log__-1__status": asked.code or None})
    if asked.on is not None:
        start = timezone.make_aware(datetime.combine(asked.on, datetime.min.time()))
        rows = rows.filter(created_at__gte=start, created_at__lt=start + timedelta(days=1))
    if asked.task_id is not None:
        rows = rows.filter(subject=f"task:{asked.task_id}")
    if after is not None:
        rows = rows.filter(id__lt=after)
    found = list(rows.order_by("-id")[: limit + 1])
    items = found[:limit]
    return Page(items, items[-1].pk if len(found) > limit else None)


def delivery(*, endpoint: Endpoint, event_id: uuid.UUID) -> Delivery:
    """One of them with its body and what was answered. Raises NotFound."""
    found = _of(endpoint).defer("secret", "sealed_to").filter(event_id=event_id).first()
    if found is None:
        raise NotFound(sentence("There is no delivery {id}.", id=event_id))
    return found


def waiting_count(*, endpoint: Endpoint) -> int:
    """How many events wait to be sent, or to be sent again."""
    return _of(endpoint).filter(state=Delivery.State.WAITING).count()


def has_delivered(*, endpoint: Endpoint, since: datetime) -> bool:
    """Whether anything was acknowledged since then, replays and tests included."""
    rows = _of(endpoint).filter(state=Delivery.State.DELIVERED, ended_at__gte=since)
    return rows.exists()


def replayable_states(*, with_delivered: bool) -> tuple[str, ...]:
    """What can be sent again: what was not delivered, or everything that has ended."""
    return (*_GIVEN_UP, Delivery.State.DELIVERED) if with_delivered else _GIVEN_UP


def replayable(
    *, endpoint: Endpoint, since: datetime, until: datetime, with_delivered: bool
) -> TenantQuerySet[Delivery]:
    """What ended in [since, until) and can be sent again, but tests."""
    rows: TenantQuerySet[Delivery] = (
        _of(endpoint)
        .exclude(kind=TEST)
        .filter(
            created_at__gte=since,
            created_at__lt=until,
            state__in=replayable_states(with_delivered=with_delivered),
        )
    )
    return rows


@dataclass(frozen=True)
class Hour:
    """What was written for an endpoint in one hour, and what has become of it."""

    start: datetime
    delivered: int = 0
    failed: int = 0
    waiting: int = 0


def last_hours(
    *, endpoints: Collection[Endpoint], workspace_id: int
) -> dict[uuid.UUID, Sequence[Hour]]:
    """The last 24 hours of each endpoint, the present one last; one query for all of them."""
    first = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    rows = (
        Delivery.objects.of(workspace_id)
        .filter(hook__in=[one.pk for one in endpoints], created_at__gte=first)
        .annotate(hour=TruncHour("created_at", tzinfo=UTC))
        .values_list("hook_id", "hour", "state")
        .annotate(count=Count("id"))
        .order_by()
    )
    counts = {(hook, hour, state): count for hook, hour, state, count in rows}
    return {one.pk: [_hour(counts, one.pk, hour) for hour in _hours(first)] for one in endpoints}


def _hours(first: datetime) -> Iterable[datetime]:
    return (first + timedelta(hours=n) for n in range(HOURS))


def _hour(
    counts: dict[tuple[uuid.UUID | None, datetime, str], int], hook: uuid.UUID, start: datetime
) -> Hour:
    return Hour(
        start,
        delivered=counts.get((hook, start, Delivery.State.DELIVERED), 0),
        failed=sum(counts.get((hook, start, state), 0) for state in _GIVEN_UP),
        waiting=counts.get((hook, start, Delivery.State.WAITING), 0),
    )


def open_run(*, endpoint: Endpoint) -> ReplayRun | None:
    """The replay that is being queued, if any."""
    rows = ReplayRun.objects.of(endpoint.workspace_id).filter(endpoint=endpoint)
    return rows.filter(ended_at__isnull=True).first()


def _of(endpoint: Endpoint) -> TenantQuerySet[Delivery]:
    rows: TenantQuerySet[Delivery] = Delivery.objects.of(endpoint.workspace_id).filter(
        hook=endpoint
    )
    return rows
