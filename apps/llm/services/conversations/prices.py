"""What rounds and files cost: flat prices for models called gpt-…, tokens for all others, nothing on own accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from apps.accounts.selectors import Identity
from apps.billing.services import alerts, credits
from apps.catalog.llm.pricing import LlmPrice
from apps.core.money import points_from_usd

# Whose seats and accounts private conversations use.
FAMILY = "gpts"
_FLAT = "gpt-"


def round_price(*, model: str, is_first: bool) -> LlmPrice | None:
    """The price of an answer by this model; None: its tokens. The first answer pays for the conversation."""
    if not model.startswith(_FLAT):
        return None
    usd = settings.GPTS_CREATE_USD if is_first else settings.GPTS_ROUND_USD
    rates = {"request": Decimal(points_from_usd(usd))}
    return LlmPrice.of(rates=rates, minimum_points=0, needs_output=True)


def round_points(*, model: str, is_first: bool) -> int:
    """The same in points; 0 where it depends on the answer."""
    price = round_price(model=model, is_first=is_first)
    return int(price.rates["request"]) if price else 0


def file_points() -> int:
    return points_from_usd(settings.GPTS_FILE_USD)


@contextmanager
def file_paid(*, identity: Identity, reference: str) -> Iterator[None]:
    """A transaction paid for as one file. Raises InsufficientCredits or SpendLimitReached: then nothing is done.

    Nothing is charged where the workspace's GPTs run on its own accounts.
    """
    points = 0 if FAMILY in identity.private_families else file_points()
    workspace_id = identity.workspace_id
    try:
        with transaction.atomic():
            yield
            if points:
                credits.hold(identity=identity, points=points, reference=reference)
                credits.capture(workspace_id=workspace_id, reference=reference, cost=points)
    except credits.InsufficientCredits:
        # What the refusal wrote of it was undone with the rest.
        alerts.tell_exhausted(workspace_id=workspace_id)
        raise
