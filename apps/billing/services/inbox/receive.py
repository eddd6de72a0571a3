"""Events on their way in: each stored once, whoever brought it and however often."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from apps.billing.gateways import stripe as gateway
from apps.billing.models import InboundEvent, Provider
from apps.core.queue import Wake

State = InboundEvent.State
_worker = Wake("billing.events")


@dataclass(frozen=True)
class Told:
    """An event of a provider. `ref` is its own id, the same however often it is sent."""

    ref: str
    kind: str
    object_ref: str
    happened_at: datetime
    payload: dict[str, Any]


def store(*, source: str, events: Iterable[Told | gateway.Event]) -> None:
    """Keep events that are not known yet and wake whoever understands them."""
    rows = [
        InboundEvent(
            source=source,
            event_id=event.ref,
            kind=event.kind,
            object_ref=event.object_ref,
            payload=event.payload,
            happened_at=event.happened_at,
            next_at=Now(),
        )
        for event in events
    ]
    InboundEvent.objects.bulk_create(rows, ignore_conflicts=True)
    wake()


def wake() -> None:
    """Have the job look soon."""
    _worker.after_commit()


def unknown(*, source: str, refs: Sequence[str]) -> set[str]:
    """Those of the events that we have not got."""
    known = InboundEvent.objects.filter(source=source, event_id__in=refs)
    return set(refs) - set(known.values_list("event_id", flat=True))


def note_unmatched(*, name: str, kind: str, ref: str, reason: str, **facts: Any) -> None:
    """Money that does not fit, found without an event of the provider's: shown to the operator once per name."""
    InboundEvent.objects.bulk_create(
        [
            InboundEvent(
                source=Provider.STRIPE,
                event_id=name,
                kind=kind,
                object_ref=ref,
                payload=facts,
                state=State.UNMATCHED,
                error=reason[:500],
                next_at=None,
            )
        ],
        ignore_conflicts=True,
    )
