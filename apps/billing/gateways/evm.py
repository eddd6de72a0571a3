"""A node of an EVM chain, read with web3 over our own HTTP.

Importing this costs nearly two seconds, so only the job that reads chains does, by `connect`'s module name. Answers are
checked as far as their shape goes; whether they are true is for the caller to compare.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from web3 import Web3
from web3.exceptions import (
    BlockNotFound,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.middleware import AttributeDictMiddleware, ExtraDataToPOAMiddleware
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from apps.billing.gateways.chain_wire import (
    Block,
    Node,
    RangeTooWide,
    Receipt,
    Transfer,
    Unavailable,
)
from apps.core import egress
from apps.core.wire import NoAnswer, Request

# keccak("Transfer(address,address,uint256)"), as text: some nodes answer "no logs" to bytes.
_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
_TIMEOUT_SECONDS = 20
_MAX_BYTES = 32 * 1024 * 1024
# Nodes have no common code for it: -32005 of Infura and BNB Chain, words elsewhere.
_TOO_WIDE = re.compile(
    r"range|too (many|large|wide|big)|exceed|more than \d+|limit|response size", re.IGNORECASE
)

Found = TypeVar("Found")


def connect(url: str) -> Node:
    """A node at that URL; nothing is sent yet."""
    return _Node(url)


class _Provider(JSONBaseProvider):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        request = Request(
            method="POST",
            url=self._url,
            headers={"content-type": "application/json", "accept": "application/json"},
            body=self.encode_rpc_request(method, params),
            timeout_seconds=_TIMEOUT_SECONDS,
            max_bytes=_MAX_BYTES,
        )
        try:
            response = egress.send(request, is_trusted=True)
        except NoAnswer as error:
            raise Unavailable(f"The node does not answer: {error}") from None
        if response.status in (413, 422):
            raise RangeTooWide
        if response.status != 200 and not response.body.startswith(b"{"):
            raise Unavailable(f"The node answers HTTP {response.status}.")
        return self.decode_rpc_response(response.body)


class _Node:
    def __init__(self, url: str) -> None:
        self._web3 = Web3(_Provider(url), middleware=[AttributeDictMiddleware])
        # Polygon, BNB Smart Chain and others put more into a block's extra data than Ethereum allows.
        self._web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)

    def chain_id(self) -> int:
        return _told(lambda: int(self._web3.eth.chain_id))

    def head(self) -> int:
        return _told(lambda: int(self._web3.eth.block_number))

    def tagged(self, tag: str) -> int | None:
        try:
            return _read(lambda: int(self._web3.eth.get_block(cast(Any, tag))["number"]))
        except (BlockNotFound, Web3RPCError):
            return None

    def block(self, number: int) -> Block | None:
        try:
            return _told(lambda: _block(self._web3.eth.get_block(cast(Any, number))))
        except BlockNotFound:
            return None

    def transfers(
        self, *, first: int, last: int, to: Sequence[str] = (), token_address: str = ""
    ) -> list[Transfer]:
        topics: list[Any] = [_TRANSFER]
        if to:
            topics += [None, [f"0x{address[2:].lower():0>64}" for address in to]]
        wanted: dict[str, Any] = {"fromBlock": hex(first), "toBlock": hex(last), "topics": topics}
        if token_address:
            wanted["address"] = Web3.to_checksum_address(token_address)
        try:
            return _read(lambda: _transfers(self._web3.eth.get_logs(cast(Any, wanted))))
        except Web3RPCError as error:
            if _TOO_WIDE.search(str(error)):
                raise RangeTooWide from None
            raise Unavailable("The node refuses to look for transfers.") from None

    def receipt(self, tx_hash: str) -> Receipt | None:
        try:
            return _told(
                lambda: _receipt(self._web3.eth.get_transaction_receipt(cast(Any, tx_hash)))
            )
        except TransactionNotFound:
            return None


def _read(ask: Callable[[], Found]) -> Found:
    """Whatever a node answers that is not what it should be is no answer.

    BlockNotFound, TransactionNotFound and refusals of the node (Web3RPCError) stay what they are.
    """
    try:
        return ask()
    except (BlockNotFound, TransactionNotFound, Web3RPCError):
        raise
    except (Web3Exception, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise Unavailable(
            f"The node answers what we cannot read ({type(error).__name__})."
        ) from None


def _told(ask: Callable[[], Found]) -> Found:
    try:
        return _read(ask)
    except (BlockNotFound, TransactionNotFound):
        raise
    except Web3RPCError:
        raise Unavailable("The node refuses to answer.") from None


def _hash(value: Any) -> str:
    found = f"0x{bytes(value).hex()}"
    if len(found) != 66:
        raise ValueError("not a hash")
    return found


def _block(raw: Any) -> Block:
    return Block(int(raw["number"]), _hash(raw["hash"]), _hash(raw["parentHash"]))


def _receipt(raw: Any) -> Receipt:
    return Receipt(
        block_number=int(raw["blockNumber"]),
        block_hash=_hash(raw["blockHash"]),
        has_succeeded=raw["status"] == 1,
        transfers=tuple(_transfers(raw["logs"])),
    )


def _transfers(logs: Iterable[Any]) -> list[Transfer]:
    return [_transfer(log) for log in logs if _is_transfer(log) and not log.get("removed")]


def _is_transfer(log: Any) -> bool:
    # Tokens that are not ERC-20 use the same event with another number of indexed fields.
    topics = log["topics"]
    return len(topics) == 3 and _hash(topics[0]) == _TRANSFER and len(bytes(log["data"])) == 32


def _transfer(log: Any) -> Transfer:
    return Transfer(
        token_address=str(log["address"]).lower(),
        to=f"0x{bytes(log['topics'][2])[-20:].hex()}",
        value=int.from_bytes(bytes(log["data"]), "big"),
        tx_hash=_hash(log["transactionHash"]),
        log_index=int(log["logIndex"]),
        block_number=int(log["blockNumber"]),
        block_hash=_hash(log["blockHash"]),
    )
