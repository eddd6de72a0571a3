"""What a node of an EVM chain tells, and the ways in which it can fail us. Light: no library of chains is imported.

Hashes and addresses are hex in lower case with 0x; values count a token's smallest units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MODULE = "apps.billing.gateways.evm"


class ChainError(Exception):
    """Base of the three things that stop reading; the message is a sentence for the operator, without URLs."""


class Unavailable(ChainError):
    """No answer, or none we can read: try again later."""


class WrongChain(ChainError):
    """The node speaks for another chain than the settings say, or for one that began anew."""


class Lying(ChainError):
    """Two endpoints contradict each other, or one contradicts itself."""


class RangeTooWide(Exception):
    """The node does not look for logs in so many blocks at once: ask for fewer."""


@dataclass(frozen=True)
class Block:
    number: int
    hash: str
    parent_hash: str


@dataclass(frozen=True)
class Transfer:
    """One Transfer event of an ERC-20 token."""

    token_address: str
    to: str
    value: int
    tx_hash: str
    log_index: int
    block_number: int
    block_hash: str


@dataclass(frozen=True)
class Receipt:
    """Of a transaction that is in a block: what it moved, if it did not fail."""

    block_number: int
    block_hash: str
    has_succeeded: bool
    transfers: tuple[Transfer, ...]


class Node(Protocol):
    """One endpoint. Every method is one call over the network and raises the errors above."""

    def chain_id(self) -> int: ...

    def head(self) -> int:
        """The newest block's number."""

    def tagged(self, tag: str) -> int | None:
        """The number of the block that the node calls "safe" or "finalized"; None where it has no such word."""

    def block(self, number: int) -> Block | None:
        """None: the node does not have it (yet)."""

    def transfers(
        self,
        *,
        first: int,
        last: int,
        to: Sequence[str] = (),
        token_address: str = "",
    ) -> list[Transfer]:
        """In blocks `first` to `last`, both included, of any token unless one is named, to anybody if `to` is empty."""

    def receipt(self, tx_hash: str) -> Receipt | None:
        """None: no block of the node's chain has the transaction."""
