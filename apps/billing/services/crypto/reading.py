"""What the nodes of a chain say, compared. No database here: a stop is an error of `chain_wire`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.billing.chains import Chain
from apps.billing.gateways.chain_wire import (
    MODULE,
    Block,
    ChainError,
    Lying,
    Node,
    RangeTooWide,
    Receipt,
    Transfer,
    Unavailable,
    WrongChain,
)
from apps.core.recursion import import_with_kept_limit

# Blocks asked for at once, and addresses named in one question.
_RANGE = 500
_ADDRESSES = 500
_PROOF_BLOCKS = 3

Checkpoint = tuple[int, str]


class TooDeep(ChainError):
    """The chain was reorganised further back than we can follow: a person must look at it."""


class Moved(Exception):
    """While we read, the chain changed under us: the next look sees clearly."""


@dataclass(frozen=True)
class Sought:
    """A transfer to look for again, as we know it."""

    token_address: str
    to: str
    value: int
    tx_hash: str
    log_index: int


def connected(chain: Chain) -> "Nodes":
    """The chain's endpoints, proved to speak for it. Raises WrongChain, Unavailable or Lying."""
    connect = import_with_kept_limit(MODULE).connect
    nodes: list[Node] = [connect(url) for url in (chain.rpc, chain.rpc_check) if url]
    for node in nodes:
        found = node.chain_id()
        if found != chain.chain_id:
            raise WrongChain(f"The node speaks for chain {found}, not for {chain.chain_id}.")
    return Nodes(nodes)


class Nodes:
    """One endpoint that is read, and maybe a second that must agree with what money depends on."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._all = nodes
        self._main = nodes[0]

    def genesis(self) -> str:
        """The hash of the first block."""
        return self._agreed(0).hash

    def head(self) -> int:
        """The newest block that all of them have."""
        return min(node.head() for node in self._all)

    def beyond_doubt(self, tag: str, *, head: int) -> int:
        """The block up to which all that know the tag are sure; the head where none does."""
        told = [node.tagged(tag) for node in self._all] if tag else []
        return min([head, *(number for number in told if number is not None)])

    def block(self, number: int) -> Block:
        """Raises Unavailable when the node does not have it."""
        return _there(self._main.block(number), number)

    def compare(self, number: int) -> None:
        """Raises Lying unless all tell the same block."""
        self._agreed(number)

    def _agreed(self, number: int) -> Block:
        blocks = [_there(node.block(number), number) for node in self._all]
        if len({block.hash for block in blocks}) > 1:
            raise Lying(f"The two endpoints tell different blocks {number}.")
        return blocks[0]

    def still_there(self, checkpoints: Sequence[Checkpoint], *, head: int) -> int:
        """How many of the checkpoints, oldest first, the chain still has. Raises TooDeep or Unavailable."""
        known = [one for one in checkpoints if one[0] <= head]
        if not known:
            raise Unavailable(f"The node is behind: it knows no block after {head}.")
        for count in range(len(known), 0, -1):
            number, block_hash = known[count - 1]
            if self.block(number).hash == block_hash:
                return count
        raise TooDeep(
            f"The chain was reorganised before block {known[0][0]}, further back than we can follow."
        )

    # ------------------------------------------------------------------------------- transfers
    def transfers(self, *, first: int, last: int, to: Sequence[str]) -> list[Transfer]:
        """To any of the addresses, in these blocks. Raises Moved when the last block changes meanwhile."""
        before = self.block(last).hash
        found = [
            transfer
            for start in range(0, len(to), _ADDRESSES)
            for transfer in self._in_parts(first, last, to[start : start + _ADDRESSES])
        ]
        if self.block(last).hash != before:
            raise Moved
        wanted = set(to)
        return [one for one in found if one.to in wanted and one.value > 0]

    def _in_parts(self, first: int, last: int, to: Sequence[str]) -> Iterator[Transfer]:
        try:
            yield from self._main.transfers(first=first, last=last, to=to)
        except RangeTooWide:
            if first == last:
                raise Unavailable("The node does not look for transfers in one block.") from None
            middle = (first + last) // 2
            yield from self._in_parts(first, middle, to)
            yield from self._in_parts(middle + 1, last, to)

    def find(self, sought: Sought) -> Transfer | None:
        """Where the transfer is now, by its receipt; None: nowhere. Raises Lying when they do not agree."""
        told = {_in_receipt(node.receipt(sought.tx_hash), sought) for node in self._all}
        if len(told) > 1:
            raise Lying("The two endpoints tell different stories of a transfer.")
        return told.pop()

    def is_canonical(self, transfer: Transfer) -> bool:
        """Whether its block is the chain's. Raises Lying when they do not agree."""
        return self._agreed(transfer.block_number).hash == transfer.block_hash

    def proves_search(self, tokens: Sequence[str], *, head: int, known: Transfer | None) -> bool:
        """Whether a search for a transfer that we know to exist finds it; False while there is none to try with.

        Some nodes answer every search with nothing. Raises Lying for such a one.
        """
        for transfer in [known] if known else self._recent(tokens, head):
            number = transfer.block_number
            found = self._main.transfers(first=number, last=number, to=[transfer.to])
            if transfer not in found:
                raise Lying("The node does not find a transfer that it has.")
            return True
        return False

    def _recent(self, tokens: Sequence[str], head: int) -> Iterator[Transfer]:
        for token in tokens:
            try:
                yield from self._main.transfers(
                    first=max(0, head - _PROOF_BLOCKS), last=head, token_address=token
                )
            except RangeTooWide:
                continue


def parts(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The blocks in portions that nodes answer."""
    for start in range(first, last + 1, _RANGE):
        yield start, min(start + _RANGE - 1, last)


def _there(block: Block | None, number: int) -> Block:
    if block is None:
        raise Unavailable(f"The node does not have block {number}.")
    return block


def _in_receipt(receipt: Receipt | None, sought: Sought) -> Transfer | None:
    if receipt is None or not receipt.has_succeeded:
        return None
    wanted = (sought.token_address, sought.to, sought.value, sought.log_index)
    return next(
        (
            one
            for one in receipt.transfers
            if (one.token_address, one.to, one.value, one.log_index) == wanted
            and one.block_hash == receipt.block_hash
        ),
        None,
    )
