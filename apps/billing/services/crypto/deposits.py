"""What becomes of a transfer: seen, credited, gone, taken back, kept for the operator.

Each function is one transaction and safe to repeat. Locks, in this order: the chain's cursor where it matters, the
top-up, the deposit, then what `payments` takes.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.billing import policies, selectors, words
from apps.billing.chains import LOCAL, Chain
from apps.billing.gateways.chain_wire import Transfer
from apps.billing.models import Deposit, DepositAddress, Payment, Provider, Reversal
from apps.billing.services import lots, payments
from apps.billing.services.crypto import topups
from apps.core.money import format_usd
from apps.core.sentences import sentence
from apps.notifications.services import mail

State = Deposit.State

# Below a cent a transfer is not worth a line on anybody's statement.
DUST_POINTS = 100_000
# What a reorganisation can still take away.
ON_CHAIN = (State.SEEN, State.CREDITED, State.HELD_BACK, State.SETTLED)
_MOST_POINTS = 2**62


@dataclass(frozen=True)
class Key:
    """How a chain names a transfer."""

    tx_hash: str
    log_index: int


def key_of(transfer: Transfer) -> Key:
    return Key(transfer.tx_hash, transfer.log_index)


def reference(deposit: Deposit) -> str:
    """How its payment is named. A test chain that starts anew may repeat a hash, so its start is part of the name."""
    start = f"{deposit.genesis[2:10]}:" if deposit.chain == LOCAL else ""
    return f"{deposit.chain}:{start}{deposit.tx_hash}:{deposit.log_index}"


# --------------------------------------------------------------------------------------- see
@transaction.atomic
def see(
    *, chain: Chain, genesis: str, address: DepositAddress, transfer: Transfer, head: int
) -> None:
    """Take in a transfer that the chain has now, or move the one we know to where it is now."""
    top_up = topups.locked(address=address)
    deposit, is_new = Deposit.objects.across_workspaces().get_or_create(
        chain=chain.name,
        genesis=genesis,
        tx_hash=transfer.tx_hash,
        log_index=transfer.log_index,
        defaults=_facts(chain, address, transfer),
    )
    if not is_new:
        deposit = Deposit.objects.across_workspaces().select_for_update().get(pk=deposit.pk)
    before = (deposit.state, deposit.block_hash, deposit.confirmations)
    deposit.block_number, deposit.block_hash = transfer.block_number, transfer.block_hash
    deposit.confirmations = max(0, head - transfer.block_number + 1)
    if deposit.state in {State.GONE, State.CLAWED}:
        _come_back(chain, deposit)
    if is_new or before != (deposit.state, deposit.block_hash, deposit.confirmations):
        deposit.save()
        topups.bring_in_line(top_up=top_up)


def _facts(chain: Chain, address: DepositAddress, transfer: Transfer) -> dict[str, Any]:
    token = chain.token_at(transfer.token_address)
    points = policies.token_points(transfer.value, token.decimals) if token else 0
    state, note = _standing(chain, transfer.token_address, points)
    return {
        "address": address,
        "workspace_id": address.workspace_id,
        "token_address": transfer.token_address,
        "token": token.symbol if token else "",
        "value": transfer.value,
        "points": min(points, _MOST_POINTS),
        "block_number": transfer.block_number,
        "block_hash": transfer.block_hash,
        "state": state,
        "note": note,
    }


def _standing(chain: Chain, token_address: str, points: int) -> tuple[str, str]:
    """What becomes of a transfer that nothing was decided about, and why."""
    if chain.token_at(token_address) is None:
        return State.HELD_BACK, words.not_taken(network=chain.words)
    if points >= _MOST_POINTS:
        return State.HELD_BACK, sentence("More than can be true.")
    if points < DUST_POINTS:
        return State.SETTLED, sentence("Less than a cent: not credited.")
    return State.SEEN, ""


def _come_back(chain: Chain, deposit: Deposit) -> None:
    # What was credited before waits for its confirmations again.
    if deposit.payment_id is not None:
        deposit.state, deposit.note = State.SEEN, ""
    else:
        deposit.state, deposit.note = _standing(chain, deposit.token_address, deposit.points)


# ------------------------------------------------------------------------------------- credit
@transaction.atomic
def credit(*, chain: Chain, deposit_id: int, block_hash: str, confirmations: int) -> bool:
    """Turn a confirmed transfer into credits, once. Says whether it did.

    Does nothing when the transfer is no longer where the caller found it, in the block `block_hash`.
    """
    deposit = _held(deposit_id)
    if deposit.state != State.SEEN or deposit.block_hash != block_hash:
        return False
    if deposit.payment_id is None:
        deposit.payment = _paid(chain, deposit, deposit.points)
    else:
        _tell_reorg(deposit, is_in_effect=False)
    deposit.state, deposit.note, deposit.confirmations = State.CREDITED, "", confirmations
    deposit.save()
    topups.bring_in_line(top_up=deposit.address.top_up)
    return True


def _held(deposit_id: int) -> Deposit:
    """The row, after its top-up."""
    everybodys = Deposit.objects.across_workspaces()
    address = everybodys.select_related("address").get(pk=deposit_id).address
    top_up = topups.locked(address=address)
    deposit = everybodys.select_for_update().get(pk=deposit_id)
    address.top_up = top_up
    deposit.address = address
    return deposit


def _paid(chain: Chain, deposit: Deposit, points: int) -> Payment:
    now = timezone.now()
    payment, _ = payments.settle(
        payments.Settled(
            workspace_id=deposit.workspace_id,
            provider=Provider.EVM,
            ref=reference(deposit),
            kind=Payment.Kind.TOP_UP,
            amount_points=points,
            credit_points=points,
            paid_at=now,
            lines=[{"text": "Credits", "quantity": 1, "amount_points": points}],
            method=words.on_network(token=deposit.token or "Token", network=chain.words),
            top_up_id=deposit.address.top_up_id,
            credits_expire_at=lots.purchase_expiry(now=now),
            is_test=settings.TEST_PAYMENTS or chain.name == LOCAL,
        )
    )
    return payment


@transaction.atomic
def credit_by_hand(*, chain: Chain, deposit_id: int, points: int, note: str) -> Deposit:
    """Credit what waits for the operator with what the operator says it is worth."""
    deposit = _held(deposit_id)
    if deposit.state == State.HELD_BACK:
        deposit.payment = _paid(chain, deposit, points)
        deposit.points, deposit.state, deposit.note = points, State.SETTLED, note[:300]
        deposit.save()
        topups.bring_in_line(top_up=deposit.address.top_up)
    return deposit


@transaction.atomic
def close_by_hand(*, deposit_id: int, note: str) -> Deposit:
    """What waits for the operator was settled outside: nothing is credited."""
    deposit = _held(deposit_id)
    if deposit.state == State.HELD_BACK:
        deposit.state, deposit.note = State.SETTLED, note[:300]
        deposit.save()
    return deposit


# --------------------------------------------------------------------------------------- lose
@transaction.atomic
def lose(*, chain: Chain, deposit_id: int, block_hash: str) -> bool:
    """The chain no longer has a transfer that was in the block `block_hash`: its credits go back.

    Says whether it did.
    """
    deposit = _held(deposit_id)
    if deposit.state not in ON_CHAIN or deposit.block_hash != block_hash:
        return False
    deposit.confirmations = 0
    if _is_paid(deposit):
        _tell_reorg(deposit, is_in_effect=True)
        deposit.state = State.CLAWED
        deposit.note = words.reorganised(network=chain.words)
        _write_about(chain, deposit)
    else:
        deposit.state = State.GONE
    deposit.save()
    topups.bring_in_line(top_up=deposit.address.top_up)
    return True


def _is_paid(deposit: Deposit) -> bool:
    # A transfer that came back has a payment whose reversal is still in effect until it is confirmed again.
    return deposit.payment_id is not None and deposit.state in {State.CREDITED, State.SETTLED}


def _payment(deposit: Deposit) -> Payment:
    return Payment.objects.of(deposit.workspace_id).get(deposit=deposit)


def _tell_reorg(deposit: Deposit, *, is_in_effect: bool) -> None:
    payment = _payment(deposit)
    payments.reverse(
        payment_id=payment.pk,
        went_back=payments.WentBack(
            kind=Reversal.Kind.REORG,
            ref=reference(deposit),
            amount_points=payment.total_points,
            is_in_effect=is_in_effect,
            status="gone" if is_in_effect else "back",
            reason="The chain was reorganised.",
        ),
    )


def _write_about(chain: Chain, deposit: Deposit) -> None:
    payment = _payment(deposit)
    mail.add(
        key=f"reorg:{deposit.pk}:{payment.changes}",
        to=selectors.recipients(workspace_id=deposit.workspace_id),
        template="crypto_gone",
        context={
            "amount": format_usd(payment.credit_points),
            "token": deposit.token,
            "network": chain.words,
            "tx_hash": deposit.tx_hash,
        },
        workspace_id=deposit.workspace_id,
    )
