"""JSON-RPC as nodes speak it, and the ways in which nodes let one down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apps.sandbox.chain.chain import Chain, Json


class RpcError(Exception):
    """An answer with an error in it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Knobs:
    """What is wrong with an endpoint.

    `is_out`: it answers 503. `chain_id`: it is another chain's. `max_range`: it looks for logs in no more blocks.
    `behind`: so many blocks are unknown to it. `forged` are transfers that never were: {"logs": …, "receipts": …}.
    `hidden` are transactions that it keeps to itself. `lies_about`: it tells another hash for these blocks.
    """

    is_out: bool = False
    chain_id: int | None = None
    max_range: int | None = None
    behind: int = 0
    forged: list[Json] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    hides_only_logs: bool = False
    lies_about: set[int] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)


class Endpoint:
    """One endpoint of a chain."""

    def __init__(self, chain: Chain, knobs: Knobs) -> None:
        self._chain = chain
        self._knobs = knobs
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_chainId": lambda: hex(knobs.chain_id or chain.chain_id),
            "eth_blockNumber": self._head,
            "eth_getBlockByNumber": self._block,
            "eth_getLogs": self._logs,
            "eth_getTransactionReceipt": self._receipt,
        }

    def answer(self, asked: Json) -> Json:
        """One answer to one call; safe to repeat."""
        head: Json = {"jsonrpc": "2.0", "id": asked.get("id")}
        name = str(asked.get("method"))
        self._knobs.calls.append(name)
        method: Callable[..., Any] = self._methods.get(name, _unknown)
        try:
            self._chain.age()
            with self._chain.lock:
                return head | {"result": method(*(asked.get("params") or []))}
        except RpcError as error:
            return head | {"error": {"code": error.code, "message": error.message}}
        except (TypeError, ValueError, KeyError, AttributeError):
            return head | {"error": {"code": -32602, "message": "invalid params"}}

    @property
    def _known(self) -> int:
        return self._chain.head - self._knobs.behind

    def _head(self) -> str:
        return hex(self._known)

    def _number(self, tag: str) -> int:
        if tag in {"safe", "finalized", "pending"}:
            raise RpcError(-32602, f"the tag {tag} is not supported")
        return self._known if tag == "latest" else int(tag, 16)

    def _block(self, tag: str, _full: bool = False) -> Json | None:
        number = 0 if tag == "earliest" else self._number(tag)
        found = self._chain.block(number) if number <= self._known else None
        if found is None or number not in self._knobs.lies_about:
            return found
        return found | {"hash": "0x" + "ee" * 32}

    def _logs(self, wanted: Json) -> list[Json]:
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        limit = self._knobs.max_range
        if limit is not None and last - first + 1 > limit:
            raise RpcError(-32005, f"query exceeds max block range {limit}")
        logs = self._chain.logs(first, min(last, self._known))
        logs = [log for log in logs if log["transactionHash"] not in self._knobs.hidden]
        forged = [
            log
            for forgery in self._knobs.forged
            for log in forgery["logs"]
            if first <= int(log["blockNumber"], 16) <= last
        ]
        return [log for log in [*logs, *forged] if _fits(log, wanted)]

    def _receipt(self, tx_hash: str) -> Json | None:
        if tx_hash in self._knobs.hidden and not self._knobs.hides_only_logs:
            return None
        for forgery in self._knobs.forged:
            if forgery["transactionHash"] == tx_hash:
                return forgery
        found = self._chain.receipt(tx_hash)
        if found is None or int(found["blockNumber"], 16) > self._known:
            return None
        return found


def _unknown(*_: Any) -> Any:
    raise RpcError(-32601, "the method does not exist")


def _fits(log: Json, wanted: Json) -> bool:
    addresses = wanted.get("address") or []
    if isinstance(addresses, str):
        addresses = [addresses]
    if addresses and log["address"].lower() not in {one.lower() for one in addresses}:
        return False
    for position, options in enumerate(wanted.get("topics") or []):
        if options is None:
            continue
        if position >= len(log["topics"]):
            return False
        allowed = [options] if isinstance(options, str) else options
        if log["topics"][position].lower() not in {one.lower() for one in allowed}:
            return False
    return True


def forged_transfer(chain: Chain, *, token_address: str, to: str, value: int) -> Json:
    """A receipt of a transfer that never was, said to be in the last block, for `Knobs.forged`."""
    block = chain.block(chain.head)
    if block is None:
        raise ValueError("there is no such block")
    where = {
        "blockNumber": block["number"],
        "blockHash": block["hash"],
        "transactionHash": "0x" + "f0" * 32,
        "transactionIndex": "0x0",
    }
    transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    log = where | {
        "address": token_address.lower(),
        "topics": [transfer, "0x" + "00" * 32, "0x" + "00" * 12 + to[2:].lower()],
        "data": f"0x{value:064x}",
        "logIndex": "0x7",
        "removed": False,
    }
    return where | {
        "status": "0x1",
        "logs": [log],
        "from": token_address.lower(),
        "to": token_address.lower(),
        "contractAddress": None,
        "gasUsed": "0x1",
        "cumulativeGasUsed": "0x1",
    }
