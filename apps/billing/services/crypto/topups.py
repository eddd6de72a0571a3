"""Top-ups by token: an address of their own, an hour of patience, and where they stand.

Nothing is sent anywhere: the chains are read by `watch`. What comes late, twice or in another amount is credited all
the same, so a top-up's state only tells how far its own sum is.
"""

import re
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import chains, words
from apps.billing.models import Deposit, DepositAddress, Provider, TopUp
from apps.billing.selectors import crypto
from apps.billing.services.crypto import addresses
from apps.billing.services.topups import check_amount
from apps.core.errors import InvalidRequest, RateLimited
from apps.core.sentences import sentence

State = TopUp.State

PATIENCE = timedelta(minutes=60)
# Addresses of one workspace that still wait: each is looked for on every chain for ever.
MAX_OPEN = 20
_CLIENT_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


def start(
    *,
    workspace_id: int,
    user: User | None,
    amount_points: int,
    client_key: str,
    chain: str,
    token: str,
) -> TopUp:
    """A top-up with its address. The same `client_key` is the same top-up. Raises InvalidRequest, RateLimited."""
    _check_choice(chain, token)
    check_amount(amount_points)
    if not _CLIENT_KEY.fullmatch(client_key):
        raise InvalidRequest.field("client_key", sentence("Reload the page and try again."))
    with transaction.atomic():
        top_up, is_new = _row(workspace_id, user, amount_points, client_key)
        if is_new:
            given = addresses.give(top_up=top_up, chain=chain, token=token)
            top_up.ref = given.address
            top_up.save(update_fields=["ref", "updated_at"])
    return top_up


def _check_choice(chain: str, token: str) -> None:
    found = chains.configured().get(chain)
    if found is None:
        raise InvalidRequest.field("chain", sentence("Choose one of the networks."))
    if found.token(token) is None:
        refused = sentence("Choose a token that {network} has.", network=found.words)
        raise InvalidRequest.field("token", refused)


def _row(
    workspace_id: int, user: User | None, amount_points: int, client_key: str
) -> tuple[TopUp, bool]:
    mine = TopUp.objects.of(workspace_id)
    known = mine.filter(client_key=client_key)
    waiting = mine.filter(provider=Provider.EVM, state=State.CREATED)
    if not known.exists() and waiting.count() >= MAX_OPEN:
        raise RateLimited(
            sentence("Too many top-ups wait for their transfer. Pay one of them first.")
        )
    top_up, is_new = mine.get_or_create(
        workspace_id=workspace_id,
        client_key=client_key,
        defaults={
            "user": user,
            "provider": Provider.EVM,
            "amount_points": amount_points,
            "expires_at": timezone.now() + PATIENCE,
        },
    )
    if top_up.amount_points != amount_points or top_up.provider != Provider.EVM:
        raise InvalidRequest(
            sentence("This form was used for another payment. Reload it and try again.")
        )
    return top_up, is_new


def locked(*, address: DepositAddress) -> TopUp:
    """The address's top-up, before any of its deposits: everything about them takes its turn here."""
    return TopUp.objects.of(address.workspace_id).select_for_update().get(pk=address.top_up_id)


def bring_in_line(*, top_up: TopUp) -> None:
    """Its state from what its deposits say now; for a row that the caller holds. Safe to repeat."""
    received = crypto.received_points(top_up=top_up)
    is_coming = (
        Deposit.objects.of(top_up.workspace_id)
        .filter(address__top_up_id=top_up.pk, state=Deposit.State.SEEN)
        .exists()
    )
    top_up.state = _state(top_up, received, is_coming=is_coming)
    top_up.failure = _sentence(top_up, received)
    top_up.save(update_fields=["state", "failure", "updated_at"])


def _state(top_up: TopUp, received: int, *, is_coming: bool) -> str:
    if received >= top_up.amount_points:
        return State.CREDITED
    if is_coming:
        return State.PROCESSING
    is_over = top_up.expires_at is not None and top_up.expires_at <= timezone.now()
    return State.EXPIRED if is_over else State.CREATED


def _sentence(top_up: TopUp, received: int) -> str:
    if not 0 < received < top_up.amount_points:
        return ""
    return words.received_part(received=received, wanted=top_up.amount_points)


def expire() -> int:
    """Top-ups whose hour is over without a transfer on its way. Says how many. Late transfers still count."""
    return (
        TopUp.objects.across_workspaces()
        .filter(provider=Provider.EVM, state=State.CREATED, expires_at__lte=Now())
        .update(state=State.EXPIRED, updated_at=Now())
    )
