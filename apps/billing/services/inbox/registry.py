"""Which function looks at what an event speaks of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.billing.models import InboundEvent, Provider

Run = Callable[[str], None]


class Unmatched(Exception):
    """Money that we cannot place. Stays where the operator sees it; the message says why."""


class Later(Exception):
    """The object cannot be looked at now, and nobody else's has to wait for that; the message says why."""


class NotOurs(Exception):
    """Nothing to do, and nothing that money depends on."""


@dataclass(frozen=True)
class Handler:
    """`fields` of the event's object say which object to look at: the first that is there."""

    run: Run
    fields: tuple[str, ...]

    def subject(self, event: InboundEvent) -> str:
        about = _object(event.payload)
        found = (_ref(about.get(field)) for field in self.fields)
        return next((ref for ref in found if ref), event.object_ref)


_handlers: dict[tuple[str, str], Handler] = {}


def handles(
    *kinds: str, fields: tuple[str, ...] = ("id",), source: str = Provider.STRIPE
) -> Callable[[Run], Run]:
    """Register a function for kinds of events. It is called with the ref of one object, however many events name it.

    Kinds of Checkout Sessions end in their mode: "checkout.session.completed:payment". Return: done. Raise Unmatched or
    NotOurs to say otherwise; Unavailable and whatever is unexpected is tried again later.
    """

    def register(run: Run) -> Run:
        for kind in kinds:
            if (source, kind) in _handlers:
                raise ValueError(f"{kind} has a handler")
            _handlers[source, kind] = Handler(run, fields)
        return run

    return register


def handler_of(event: InboundEvent) -> Handler | None:
    kind = event.kind
    if kind.startswith("checkout.session."):
        kind = f"{kind}:{_object(event.payload).get('mode', '')}"
    return _handlers.get((event.source, kind))


def _object(payload: Any) -> dict[str, Any]:
    data = payload.get("data") if isinstance(payload, dict) else None
    about = data.get("object") if isinstance(data, dict) else None
    return about if isinstance(about, dict) else {}


def _ref(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else ""
