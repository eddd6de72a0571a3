"""The chain: py-evm executes and mines; what a node answers is kept beside it, by block.

Blocks come with transactions, and for a while after them one a second when somebody asks, so that a transfer gets its
confirmations and an idle chain does not grow.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from eth_abi.abi import encode
from eth_account import Account
from eth_tester import PyEVMBackend
from eth_tester.backends.pyevm.main import get_default_genesis_params
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from apps.sandbox.chain.settings import TOKENS

_COMPILED = json.loads((Path(__file__).parent / "token.json").read_text())
_SUPPLY_TOKENS = 1_000_000_000
# The private keys 1 and 2: on a chain in memory nothing is worth stealing.
_KEYS = {"wallet": (1).to_bytes(32, "big"), "other": (2).to_bytes(32, "big")}
_GAS = 1_500_000
_FEE = 100 * 10**9
_FOLLOWING_BLOCKS = 20
_BLOCK_SECONDS = 1.0
_TRANSFER = keccak(text="transfer(address,uint256)")[:4]

Json = dict[str, Any]


@dataclass(frozen=True)
class Mined:
    """A block as a node tells it, its receipts by transaction, and its logs in order."""

    block: Json
    receipts: dict[str, Json]
    logs: list[Json] = field(default_factory=list)


class Chain:
    """A chain that starts with its tokens in the wallet. Safe to use from several threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        # Two chains that start in the same second must not be the same chain.
        own = get_default_genesis_params({"extra_data": secrets.token_bytes(16)})
        self._evm = PyEVMBackend(genesis_parameters=own)
        self.chain_id = int(self._evm.chain.chain_id)
        self._blocks: list[Mined] = []
        self._raw: dict[str, bytes] = {}
        self._busy_until = 0
        self._mined_at = time.monotonic()
        self._take_in()
        for symbol, (address, decimals) in TOKENS.items():
            self._deploy(symbol, address, decimals)

    # ------------------------------------------------------------------ what a node answers
    @property
    def head(self) -> int:
        return len(self._blocks) - 1

    def block(self, number: int) -> Json | None:
        with self.lock:
            return self._blocks[number].block if 0 <= number <= self.head else None

    def receipt(self, tx_hash: str) -> Json | None:
        with self.lock:
            found = (mined.receipts.get(tx_hash) for mined in reversed(self._blocks))
            return next((receipt for receipt in found if receipt is not None), None)

    def logs(self, first: int, last: int) -> list[Json]:
        with self.lock:
            return [log for mined in self._blocks[first : last + 1] for log in mined.logs]

    def age(self) -> None:
        """The blocks that were due since somebody last asked."""
        with self.lock:
            due = int((time.monotonic() - self._mined_at) / _BLOCK_SECONDS)
            left = self._busy_until - self.head
            if due > 0 and left > 0:
                self.mine(min(due, left))

    # ------------------------------------------------------------------------- what people do
    def send(self, *, token: str, to: str, value: int, sender: str = "wallet") -> str:
        """Transfer so many of the token's smallest units, in a block of its own. The transaction's hash."""
        with self.lock:
            tx_hash = self.pool(token=token, to=to, value=value, sender=sender)
            self.mine()
            return tx_hash

    def pool(self, *, token: str, to: str, value: int, sender: str = "wallet") -> str:
        """The same, but it waits for the next `mine`: several come into one block."""
        data = _TRANSFER + encode(["address", "uint256"], [to, value])
        with self.lock:
            return self._submit(sender, data, to=TOKENS[token][0])

    def mine(self, blocks: int = 1) -> None:
        with self.lock:
            for _ in range(blocks):
                self._evm.mine_blocks(1)
                self._take_in()

    def reorg(self, depth: int, *, again: Sequence[str] = (), longer_by: int = 1) -> None:
        """Replace the last `depth` blocks by `depth + longer_by` others, which hold nothing of the old ones.

        The transactions `again` are in the last but one of the new blocks after all, in this order.
        """
        with self.lock:
            if not 0 < depth < self.head:
                raise ValueError(f"{depth} of {self.head} blocks cannot be replaced")
            self._revert(self.head - depth)
            # Something else must happen in the first one: a block like the old one would be the old one.
            self._submit("other", b"", to=str(Account.from_key(_KEYS["other"]).address))
            self.mine(depth + longer_by - 1)
            for tx_hash in again:
                self._evm.send_raw_transaction(self._raw[tx_hash])
            self.mine()
            self._busy_until = self.head + _FOLLOWING_BLOCKS

    # ------------------------------------------------------------------------------ inside
    def _deploy(self, symbol: str, address: str, decimals: int) -> None:
        arguments = encode(
            ["string", "string", "uint8", "uint256"],
            [f"Test {symbol}", symbol, decimals, _SUPPLY_TOKENS * 10**decimals],
        )
        code = bytes.fromhex(_COMPILED["bytecode"][2:]) + arguments
        tx_hash = self._submit("wallet", code, to="")
        self.mine()
        receipt = self.receipt(tx_hash)
        if receipt is None or to_checksum_address(receipt["contractAddress"]) != address:
            raise RuntimeError(f"{symbol} is not where the settings say")

    def _submit(self, sender: str, data: bytes, *, to: str) -> str:
        account = Account.from_key(_KEYS[sender])
        transaction: Json = {
            "type": 2,
            "nonce": self._evm.get_nonce(bytes.fromhex(account.address[2:]), "pending"),
            "gas": _GAS,
            "maxFeePerGas": _FEE,
            "maxPriorityFeePerGas": 10**9,
            "value": 0,
            "data": data,
            "chainId": self.chain_id,
        }
        if to:
            transaction["to"] = to
        raw = bytes(account.sign_transaction(transaction).raw_transaction)
        tx_hash = _hex(self._evm.send_raw_transaction(raw))
        self._raw[tx_hash] = raw
        self._busy_until = self.head + _FOLLOWING_BLOCKS
        return tx_hash

    def _revert(self, number: int) -> None:
        kept = self._blocks[number].block["hash"]
        self._evm.revert_to_snapshot(bytes.fromhex(kept[2:]))
        del self._blocks[number + 1 :]

    def _take_in(self) -> None:
        raw = self._evm.get_block_by_number("latest", False)
        receipts = [self._evm.get_transaction_receipt(found) for found in raw["transactions"]]
        told = [_receipt(one) for one in receipts]
        logs = [log for one in told for log in one["logs"]]
        for index, log in enumerate(logs):
            log["logIndex"] = _hex(
                index
            )  # py-evm counts within a transaction, nodes within a block
        by_hash = {one["transactionHash"]: one for one in told}
        self._blocks.append(Mined(block=_block(raw), receipts=by_hash, logs=logs))
        self._mined_at = time.monotonic()


def _hex(value: bytes | int) -> str:
    return hex(value) if isinstance(value, int) else f"0x{bytes(value).hex()}"


def _block(raw: Json) -> Json:
    return {
        "number": _hex(raw["number"]),
        "hash": _hex(raw["hash"]),
        "parentHash": _hex(raw["parent_hash"]),
        "timestamp": _hex(raw["timestamp"]),
        "transactions": [_hex(one) for one in cast(Iterable[bytes], raw["transactions"])],
    }


def _receipt(raw: Json) -> Json:
    created = raw["contract_address"]
    return {
        "transactionHash": _hex(raw["transaction_hash"]),
        "transactionIndex": _hex(raw["transaction_index"]),
        "blockHash": _hex(raw["block_hash"]),
        "blockNumber": _hex(raw["block_number"]),
        "from": _hex(raw["from"]),
        "to": _hex(raw["to"]) if raw["to"] else None,
        "contractAddress": _hex(created) if created else None,
        "status": _hex(raw["status"]),
        "gasUsed": _hex(raw["gas_used"]),
        "cumulativeGasUsed": _hex(raw["cumulative_gas_used"]),
        "logs": [_log(one) for one in raw["logs"]],
    }


def _log(raw: Json) -> Json:
    return {
        "address": _hex(raw["address"]),
        "topics": [_hex(one) for one in raw["topics"]],
        "data": _hex(raw["data"]),
        "blockNumber": _hex(raw["block_number"]),
        "blockHash": _hex(raw["block_hash"]),
        "transactionHash": _hex(raw["transaction_hash"]),
        "transactionIndex": _hex(raw["transaction_index"]),
        "logIndex": _hex(raw["log_index"]),
        "removed": False,
    }
