"""The job that understands events: claims what is due, and has each object looked at once per batch."""

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from apps.billing.gateways.stripe import NotConfigured, Refused, Unavailable
from apps.billing.models import InboundEvent
from apps.billing.services.inbox import handlers  # noqa: F401 - registers them
from apps.billing.services.inbox.registry import Handler, Later, NotOurs, Unmatched, handler_of
from apps.billing.services.payments import PaymentMismatch

log = logging.getLogger(__name__)
State = InboundEvent.State

_BATCH = 50
# A batch is ours for this long. Nothing new of it is begun after `_SLICE_SECONDS`; one look takes a minute at most.
_LEASE = timedelta(seconds=120)
_SLICE_SECONDS = 40.0
# Nobody who does not answer is asked for the next event at once.
_SILENCE = timedelta(seconds=5)
# 15 s, 30 s, 1 min … 8 h: twenty attempts take three days.
MAX_ATTEMPTS = 20
_FIRST_SECONDS = 15
_LONGEST_SECONDS = 8 * 3600

Group = tuple[Handler, str]


def work() -> bool:
    """Handle one batch of what is due. Says whether there may be more. Any number may work at once."""
    events = _claimed()
    groups: dict[Group, list[InboundEvent]] = {}
    ignored: list[InboundEvent] = []
    for event in events:
        handler = handler_of(event)
        if handler is None:
            ignored.append(event)
        else:
            groups.setdefault((handler, handler.subject(event)), []).append(event)
    _end(ignored, State.IGNORED)
    return _looked_at(groups) and len(events) == _BATCH


def is_due() -> bool:
    return InboundEvent.objects.filter(next_at__lte=Now()).exists()


def _claimed() -> list[InboundEvent]:
    with transaction.atomic():
        due = (
            InboundEvent.objects.select_for_update(skip_locked=True)
            .filter(next_at__lte=Now())
            .order_by("next_at", "id")[:_BATCH]
        )
        ids = [event.pk for event in due.only("id")]
        InboundEvent.objects.filter(pk__in=ids).update(
            next_at=Now() + _LEASE, attempts=F("attempts") + 1
        )
    return list(InboundEvent.objects.filter(pk__in=ids).order_by("id"))


def _looked_at(groups: dict[Group, list[InboundEvent]]) -> bool:
    """Whether all groups got their turn. What was not looked at was not tried, and is given back."""
    stop_at = time.monotonic() + _SLICE_SECONDS
    silent: set[str] = set()
    left: list[int] = []
    for (handler, subject), events in groups.items():
        source = events[0].source
        if source in silent or time.monotonic() >= stop_at:
            left.extend(event.pk for event in events)
        elif not _look(handler, subject, events):
            silent.add(source)
    again = Now() + _SILENCE if silent else Now()
    InboundEvent.objects.filter(pk__in=left, state=State.WAITING).update(
        next_at=again, attempts=F("attempts") - 1
    )
    return not left and not silent


def _look(handler: Handler, subject: str, events: list[InboundEvent]) -> bool:
    """Bring one object in line. False when the provider cannot be asked now, so that nobody waits for it in vain."""
    try:
        handler.run(subject)
    except NotOurs as why:
        _end(events, State.IGNORED, str(why))
    except (Unmatched, PaymentMismatch, Refused) as why:
        _end(events, State.UNMATCHED, str(why))
        log.warning("event unmatched", extra={"provider": events[0].source, "count": len(events)})
    except Later as why:
        _later(events, str(why))
    except (Unavailable, NotConfigured) as why:
        _later(events, str(why))
        return False
    except Exception as error:
        # A fault of ours in one object must not keep the others waiting; it is tried again and stays visible.
        log.exception("event not handled", extra={"provider": events[0].source})
        _later(events, type(error).__name__)
    else:
        _end(events, State.DONE)
    return True


def _end(events: list[InboundEvent], state: str, error: str = "") -> None:
    InboundEvent.objects.filter(pk__in=[event.pk for event in events], state=State.WAITING).update(
        state=state, error=error[:500], next_at=None, handled_at=Now()
    )


def _later(events: list[InboundEvent], error: str) -> None:
    for event in events:
        if event.attempts >= MAX_ATTEMPTS:
            _end([event], State.FAILED, error)
            continue
        InboundEvent.objects.filter(pk=event.pk, state=State.WAITING).update(
            next_at=Now() + delay(event.attempts), error=error[:500]
        )


def delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    exponent = min(attempts - 1, 20)
    return timedelta(seconds=min(_FIRST_SECONDS * 2**exponent, _LONGEST_SECONDS))
