"""Events that never reached us: asked for, instead of waited for."""

from datetime import datetime, timedelta
from itertools import islice

from django.core.cache import cache
from django.utils import timezone

from apps.billing.gateways import stripe as gateway
from apps.billing.models import Provider
from apps.billing.services.inbox import receive

# Until when the list was read to its end. Lost with the cache, which costs one longer look.
_KEY = "billing:caught-up"
_KEPT_SECONDS = 7 * 86_400
_AT_FIRST = timedelta(days=3)
# An event can turn up in the list a little after its time.
_OVERLAP = timedelta(hours=1)
_PAGE = 100


def catch_up() -> int:
    """Store what Stripe's list of events has and we have not. Says how many. Raises Unavailable."""
    began = timezone.now()
    listed = gateway.events(since=_since(began))
    stored = 0
    while page := list(islice(listed, _PAGE)):
        missing = receive.unknown(source=Provider.STRIPE, refs=[event.ref for event in page])
        stored += len(missing)
        receive.store(
            source=Provider.STRIPE, events=[event for event in page if event.ref in missing]
        )
    cache.set(_KEY, began.timestamp(), timeout=_KEPT_SECONDS)
    return stored


def _since(now: datetime) -> datetime:
    last = cache.get(_KEY)
    if last is None:
        return now - _AT_FIRST
    return datetime.fromtimestamp(float(last), tz=now.tzinfo) - _OVERLAP
