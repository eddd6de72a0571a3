"""Where top-ups by token stand, and what of them waits for a person."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone

from apps.billing import chains
from apps.billing.chains import Chain
from apps.billing.models import ChainCursor, Deposit, DepositAddress, TopUp

_LOST = (Deposit.State.GONE, Deposit.State.CLAWED)


@dataclass(frozen=True)
class Seen:
    """A transfer to a top-up's address. `case` names it to the operator; `amount` is in whole tokens, if known."""

    case: str
    state: str
    token: str
    network: str
    points: int
    confirmations: int
    needed: int
    note: str
    tx_hash: str
    link: str


@dataclass(frozen=True)
class Status:
    """What the page of a top-up by token shows. `missing` is what is still to be sent, in points."""

    address: str
    chain: Chain
    token: str
    token_address: str
    units: int
    missing: int
    received: int
    transfers: list[Seen]
    is_late: bool
    is_stuck: bool

    @property
    def has_lost(self) -> bool:
        """Whether a transfer is no longer on its network."""
        return any(one.state in _LOST for one in self.transfers)


def status(*, top_up: TopUp) -> Status | None:
    """None for a top-up that has no address, or whose chain nobody knows any more."""
    given = DepositAddress.objects.of(top_up.workspace_id).filter(top_up_id=top_up.pk).first()
    chain = chains.known(given.chain) if given is not None else None
    if given is None or chain is None:
        return None
    found = Deposit.objects.of(top_up.workspace_id).filter(address=given).order_by("id")
    transfers = [_seen(deposit) for deposit in found]
    received = received_points(top_up=top_up)
    coming = sum(one.points for one in transfers if one.state == Deposit.State.SEEN)
    token = chain.token(given.token)
    missing = max(0, top_up.amount_points - received - coming)
    return Status(
        address=given.address,
        chain=chain,
        token=given.token,
        token_address=token.address if token else "",
        units=_units(missing, token.decimals if token else 6),
        missing=missing,
        received=received,
        transfers=transfers,
        is_late=top_up.expires_at is not None and top_up.expires_at <= timezone.now(),
        is_stuck=ChainCursor.objects.filter(pk=given.chain).exclude(problem="").exists(),
    )


def _units(points: int, decimals: int) -> int:
    """A token's smallest units that are worth so many points, rounded up."""
    scale: int = 10**decimals
    return -(-points * scale // 10_000_000)


def received_points(*, top_up: TopUp) -> int:
    """What a top-up's address has brought in credits that were not taken back, whenever it came."""
    credited = Deposit.objects.of(top_up.workspace_id).filter(
        address__top_up_id=top_up.pk, payment__isnull=False
    )
    sums = credited.aggregate(
        paid=Sum("payment__credit_points"), back=Sum("payment__clawed_points")
    )
    return int(sums["paid"] or 0) - int(sums["back"] or 0)


def _seen(deposit: Deposit) -> Seen:
    chain = chains.known(deposit.chain)
    needed = chain.confirmations if chain else 0
    explorer = chain.explorer if chain else ""
    return Seen(
        case=f"D-{deposit.pk}",
        state=deposit.state,
        token=deposit.token or deposit.token_address,
        network=chain.words if chain else deposit.chain,
        points=deposit.points,
        confirmations=min(deposit.confirmations, needed),
        needed=needed,
        note=deposit.note,
        tx_hash=deposit.tx_hash,
        link=f"{explorer}/tx/{deposit.tx_hash}" if explorer else "",
    )


def held_back() -> QuerySet[Deposit]:
    """What waits for the operator, oldest first."""
    return (
        Deposit.objects.across_workspaces()
        .filter(state=Deposit.State.HELD_BACK)
        .order_by("seen_at", "id")
    )


@dataclass(frozen=True)
class ChainState:
    """`silent_seconds`: since the chain was last read without trouble; None: never."""

    chain: str
    has_problem: bool
    behind_blocks: int
    silent_seconds: float | None


def chain_states() -> list[ChainState]:
    """Of every chain that is watched."""
    cursors = {cursor.chain: cursor for cursor in ChainCursor.objects.all()}
    return [_chain_state(name, cursors.get(name)) for name in chains.configured()]


def _chain_state(name: str, cursor: ChainCursor | None) -> ChainState:
    if cursor is None:
        return ChainState(name, has_problem=False, behind_blocks=0, silent_seconds=None)
    silent = (timezone.now() - cursor.read_at) / timedelta(seconds=1) if cursor.read_at else None
    behind = max(0, cursor.head_number - cursor.block_number)
    return ChainState(name, bool(cursor.problem), behind, silent)


@dataclass(frozen=True)
class Waiting:
    state: str
    count: int
    oldest_seconds: float


def waiting() -> list[Waiting]:
    """Transfers that are not credited yet and those that wait for a person; a line for each, also without any."""
    states = (Deposit.State.SEEN, Deposit.State.HELD_BACK)
    rows = Deposit.objects.across_workspaces().filter(state__in=states).values("state")
    found = {row["state"]: row for row in rows.annotate(n=Count("id"), since=Min("seen_at"))}
    now = timezone.now()
    return [
        Waiting(
            state=str(state),
            count=found[state]["n"] if state in found else 0,
            oldest_seconds=(now - found[state]["since"]).total_seconds() if state in found else 0,
        )
        for state in states
    ]
