"""Reading chains: what came to our addresses since we last looked, and what happened to what we knew.

A look goes from the last block we share with the chain to its head, once more through the blocks that may still change,
and brings every deposit there in line. Only then does the cursor move; a look that dies is simply done again. Nothing
depends on being the only one: the turn saves work, and each step checks its row.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.billing import chains
from apps.billing.chains import LOCAL, Chain
from apps.billing.gateways.chain_wire import ChainError, Lying, Transfer, WrongChain
from apps.billing.models import ChainCursor, Deposit, DepositAddress
from apps.billing.services.crypto import deposits, reading, topups
from apps.billing.services.crypto.reading import Moved, Nodes, Sought
from apps.core import turns
from apps.core.tenancy import TenantQuerySet
from apps.core.turns import Turn

log = logging.getLogger(__name__)
State = Deposit.State

# A look ends after this long and is continued by the next one.
_SLICE_SECONDS = 40.0
# A transfer that vanished is looked for this long.
_SEARCH_DAYS = 7
_SEARCH_AT_ONCE = 50
# Chains whose nodes were seen to answer searches, in this process.
_proved: set[tuple[str, str]] = set()


def watch(*, chain: str) -> bool:
    """One look at a chain. Says whether it was ours to take; what stops it stands in the chain's cursor."""
    watched = chains.configured().get(chain)
    if watched is None:
        return False
    with turns.taken(f"chain:{chain}") as turn:
        if turn is None:
            return False
        try:
            _look(watched, turn)
        except Moved:
            return True  # the chain moves; nothing is wrong
        except ChainError as error:
            _note_problem(chain, str(error))
        else:
            _clear_problem(chain)
    return True


def _look(chain: Chain, turn: Turn) -> None:
    nodes = reading.connected(chain)
    head = nodes.head()
    cursor = _cursor(chain, nodes, head)
    _prove(chain, nodes, head, cursor.genesis)
    nodes.compare(max(0, head - chain.confirmations))
    if _read(chain, nodes, cursor, head, turn):
        _look_again(chain, nodes, cursor.genesis, head)
        _confirm(chain, nodes, cursor.genesis, head)


# -------------------------------------------------------------------------------------- cursor
def _cursor(chain: Chain, nodes: Nodes, head: int) -> ChainCursor:
    """Where we are on this chain. A test chain that started anew is begun anew. Raises WrongChain."""
    genesis = nodes.genesis()
    cursor, _ = ChainCursor.objects.get_or_create(chain=chain.name)
    if cursor.genesis == genesis:
        return cursor
    if cursor.genesis and chain.name != LOCAL:
        raise WrongChain("The chain has another first block than the one we have read.")
    start = 0 if chain.name == LOCAL else max(0, head - chain.kept_blocks)
    checkpoint = [start, nodes.block(start).hash]
    _begin(cursor, genesis=genesis, start=start, checkpoint=checkpoint)
    return cursor


def _begin(cursor: ChainCursor, *, genesis: str, start: int, checkpoint: list[object]) -> None:
    if cursor.genesis:
        _drop_waiting(cursor.chain, cursor.genesis)
    cursor.genesis, cursor.block_number, cursor.recent = genesis, start, [checkpoint]
    cursor.save(update_fields=["genesis", "block_number", "recent"])


def _drop_waiting(chain: str, genesis: str) -> None:
    """What was seen on a chain that is no more and not credited will never be. What was credited stays."""
    waiting = Deposit.objects.across_workspaces().filter(
        chain=chain, genesis=genesis, state=State.SEEN
    )
    for deposit in waiting.select_related("address"):
        with transaction.atomic():
            top_up = topups.locked(address=deposit.address)
            waiting.filter(pk=deposit.pk).update(
                state=State.GONE, note="The test chain started anew."
            )
            topups.bring_in_line(top_up=top_up)


def _advance(chain: Chain, cursor: ChainCursor, recent: list[list[object]], head: int) -> bool:
    """Move the cursor to the newest of `recent`, unless somebody else has moved it."""
    number = int(str(recent[-1][0]))
    oldest = number - chain.kept_blocks
    # One checkpoint older than we must go back, so that we can.
    keep_from = max((i for i, one in enumerate(recent) if int(str(one[0])) <= oldest), default=0)
    values = {"block_number": number, "recent": recent[keep_from:], "head_number": head}
    moved = ChainCursor.objects.filter(
        chain=cursor.chain, genesis=cursor.genesis, block_number=cursor.block_number
    ).update(**values, read_at=timezone.now())
    cursor.block_number, cursor.recent = number, recent[keep_from:]
    return bool(moved)


def _note_problem(chain: str, problem: str) -> None:
    cursor, _ = ChainCursor.objects.get_or_create(chain=chain)
    if cursor.problem == problem:
        return
    log.error("chain cannot be read", extra={"reason": f"{chain}: {problem}"})
    since = cursor.problem_since or timezone.now()
    ChainCursor.objects.filter(pk=chain).update(problem=problem[:300], problem_since=since)


def _clear_problem(chain: str) -> None:
    ChainCursor.objects.filter(pk=chain).exclude(problem="").update(problem="", problem_since=None)


# ---------------------------------------------------------------------------------------- read
def _read(chain: Chain, nodes: Nodes, cursor: ChainCursor, head: int, turn: Turn) -> bool:
    """Bring deposits in line with every block up to `head`. Says whether it got there."""
    recent = [(int(number), str(block_hash)) for number, block_hash in cursor.recent]
    recent = recent[: nodes.still_there(recent, head=head)]
    # After the head was read: an address that got something up to there is older than this.
    ours = _addresses()
    stop_at = time.monotonic() + _SLICE_SECONDS
    first = max(0, recent[-1][0] - chain.confirmations + 1)
    for start, last in reading.parts(first, head):
        if time.monotonic() > stop_at or not turn.keep():
            return False
        end = nodes.block(last).hash
        found = nodes.transfers(first=start, last=last, to=list(ours)) if ours else []
        if nodes.block(last).hash != end:
            raise Moved
        _take_in(chain, cursor.genesis, ours, found, head)
        _miss(chain, nodes, cursor.genesis, (start, last), found, head)
        if last > recent[-1][0]:
            recent.append((last, end))
        if not _advance(chain, cursor, [list(one) for one in recent], head):
            return False
    return True


def _addresses() -> dict[str, DepositAddress]:
    everybodys = DepositAddress.objects.across_workspaces().order_by("index")
    return {address.address.lower(): address for address in everybodys}


def _take_in(
    chain: Chain,
    genesis: str,
    ours: dict[str, DepositAddress],
    found: Sequence[Transfer],
    head: int,
) -> None:
    for transfer in found:
        deposits.see(
            chain=chain, genesis=genesis, address=ours[transfer.to], transfer=transfer, head=head
        )


def _miss(
    chain: Chain,
    nodes: Nodes,
    genesis: str,
    blocks: tuple[int, int],
    found: Sequence[Transfer],
    head: int,
) -> None:
    """What we knew to be in these blocks and did not find there. Raises Lying when its receipt says otherwise."""
    known = {deposits.key_of(transfer) for transfer in found}
    expected = _mine(chain.name, genesis).filter(
        block_number__range=blocks, state__in=deposits.ON_CHAIN
    )
    for deposit in expected.order_by("id"):
        if deposits.Key(deposit.tx_hash, deposit.log_index) in known:
            continue
        now = nodes.find(_sought(deposit))
        if now is None:
            deposits.lose(chain=chain, deposit_id=deposit.pk, block_hash=deposit.block_hash)
        elif now.block_hash == deposit.block_hash:
            raise Lying("The node leaves out a transfer that its receipt has.")
        else:
            _see_again(chain, genesis, deposit, now, head)


def _look_again(chain: Chain, nodes: Nodes, genesis: str, head: int) -> None:
    """What had vanished may be in a block again, wherever."""
    since = timezone.now() - timedelta(days=_SEARCH_DAYS)
    lost = _mine(chain.name, genesis).filter(
        state__in=[State.GONE, State.CLAWED], updated_at__gte=since
    )
    for deposit in lost.order_by("-id")[:_SEARCH_AT_ONCE]:
        now = nodes.find(_sought(deposit))
        if now is not None and now.block_number <= head and nodes.is_canonical(now):
            _see_again(chain, genesis, deposit, now, head)


def _confirm(chain: Chain, nodes: Nodes, genesis: str, head: int) -> None:
    """Credit what is deep enough and where every endpoint's receipt agrees."""
    deepest = min(head - chain.confirmations + 1, nodes.beyond_doubt(chain.tag, head=head))
    ripe = _mine(chain.name, genesis).filter(state=State.SEEN, block_number__lte=deepest)
    for deposit in ripe.order_by("id"):
        now = nodes.find(_sought(deposit))
        if now is None:
            deposits.lose(chain=chain, deposit_id=deposit.pk, block_hash=deposit.block_hash)
        elif not nodes.is_canonical(now) or now.block_hash != deposit.block_hash:
            _see_again(chain, genesis, deposit, now, head)
        else:
            deposits.credit(
                chain=chain,
                deposit_id=deposit.pk,
                block_hash=deposit.block_hash,
                confirmations=head - deposit.block_number + 1,
            )


def _see_again(chain: Chain, genesis: str, deposit: Deposit, transfer: Transfer, head: int) -> None:
    deposits.see(
        chain=chain, genesis=genesis, address=deposit.address, transfer=transfer, head=head
    )


def _mine(chain: str, genesis: str) -> TenantQuerySet[Deposit]:
    return (
        Deposit.objects.across_workspaces()
        .filter(chain=chain, genesis=genesis)
        .select_related("address")
    )


def _sought(deposit: Deposit) -> Sought:
    return Sought(
        token_address=deposit.token_address,
        to=deposit.address.address.lower(),
        value=int(deposit.value),
        tx_hash=deposit.tx_hash,
        log_index=deposit.log_index,
    )


def _prove(chain: Chain, nodes: Nodes, head: int, genesis: str) -> None:
    """Once per process: a node whose searches find nothing must not look like a chain without transfers."""
    if (chain.name, chain.rpc) in _proved:
        return
    tokens = [token.address for token in chain.tokens]
    last = (
        _mine(chain.name, genesis)
        .filter(state=State.CREDITED, block_number__lte=head)
        .order_by("-block_number")
        .first()
    )
    known = nodes.find(_sought(last)) if last is not None else None
    if nodes.proves_search(tokens, head=head, known=known):
        _proved.add((chain.name, chain.rpc))
