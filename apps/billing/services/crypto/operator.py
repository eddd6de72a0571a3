"""What a person decides about transfers that no rule decides, and about a chain that stopped."""

from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import audit
from apps.billing import chains
from apps.billing.models import ChainCursor, Deposit
from apps.billing.services.crypto import deposits
from apps.core.errors import InvalidRequest, NotFound
from apps.core.money import format_usd


def credit(*, deposit_id: int, points: int, reason: str, actor: User | None) -> Deposit:
    """Credit a transfer that was held back with what it is worth. Safe to repeat. Raises InvalidRequest.

    One person may credit as much as a correction of a balance that needs no second one.

    It must be as deep in its chain as any other that is credited, and is taken back like any other when the chain
    loses it.
    """
    _check_reason(reason)
    if not 0 < points <= settings.ADJUSTMENT_APPROVAL_POINTS:
        most = format_usd(settings.ADJUSTMENT_APPROVAL_POINTS)
        raise InvalidRequest.field("points", f"More than nothing and at most {most}.")
    deposit = _undecided(deposit_id)
    if deposit.state == Deposit.State.SETTLED:
        return deposit
    chain = chains.configured().get(deposit.chain)
    if chain is None:
        raise InvalidRequest("The chain is not watched any more.")
    if deposit.confirmations < chain.confirmations:
        raise InvalidRequest(
            f"The transfer has {deposit.confirmations} of {chain.confirmations} confirmations."
        )
    with transaction.atomic():
        done = deposits.credit_by_hand(
            chain=chain, deposit_id=deposit_id, points=points, note=reason.strip()
        )
        _note(done, "deposit.credited", actor, reason)
    return done


def close(*, deposit_id: int, reason: str, actor: User | None) -> Deposit:
    """A transfer that was held back was settled outside, or will not be. Safe to repeat."""
    _check_reason(reason)
    deposit = _undecided(deposit_id)
    if deposit.state == Deposit.State.SETTLED:
        return deposit
    with transaction.atomic():
        done = deposits.close_by_hand(deposit_id=deposit_id, note=reason.strip())
        _note(done, "deposit.closed", actor, reason)
    return done


def read_again(*, chain: str) -> None:
    """Forget how far a chain was read: the next look begins near its head. What is known stays known."""
    ChainCursor.objects.filter(pk=chain).update(
        genesis="", block_number=0, recent=[], problem="", problem_since=None
    )


def _undecided(deposit_id: int) -> Deposit:
    deposit = Deposit.objects.across_workspaces().filter(pk=deposit_id).first()
    if deposit is None:
        raise NotFound("There is no such transfer.")
    if deposit.state not in {Deposit.State.HELD_BACK, Deposit.State.SETTLED}:
        raise InvalidRequest("Only what waits for the operator can be decided about.")
    return deposit


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why.")


def _note(deposit: Deposit, action: str, actor: User | None, reason: str) -> None:
    audit(
        workspace_id=deposit.workspace_id,
        action=action,
        actor=actor,
        target=f"D-{deposit.pk}",
        detail={"reason": reason.strip()[:300]},
    )
