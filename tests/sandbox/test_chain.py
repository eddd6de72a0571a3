"""The test chain: a wallet page, JSON-RPC that takes nonsense calmly, and blocks that come by themselves."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from apps.sandbox.chain import settings as sandbox
from apps.sandbox.chain.amounts import NotAnAmount, units
from apps.sandbox.chain.chain import Chain
from apps.sandbox.chain.server import create_app
from tests.payments.chain_server import served

TO = "0x" + "ab" * 20


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Chain, httpx.Client]]:
    chain = Chain()
    with served(create_app(chain)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield chain, client


def test_wallet_sends_what_was_typed(running: tuple[Chain, httpx.Client]) -> None:
    chain, client = running
    answer = client.post("/send", data={"token": "USDC", "amount": "12.5", "to": TO})
    assert answer.status_code == 303
    page = client.get("/", params=httpx.URL(answer.headers["location"]).params)
    sent = re.search(r"<code>(0x[0-9a-f]{64})</code>", page.text)
    assert sent is not None
    receipt = chain.receipt(sent[1])
    assert receipt is not None
    assert int(receipt["logs"][0]["data"], 16) == 12_500_000
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; style-src 'self'"
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token": "USDC", "amount": "1", "to": "nobody"},
        {"token": "NONE", "amount": "1", "to": TO},
        {"token": "USDC", "amount": "-1", "to": TO},
        {"token": "USDC", "amount": "x", "to": TO},
        {"token": "USDC", "amount": "1", "to": "<script>"},
    ],
)
def test_wallet_sends_no_nonsense(
    running: tuple[Chain, httpx.Client], given: dict[str, str]
) -> None:
    chain, client = running
    head = chain.head
    answer = client.post("/send", data=given)
    assert answer.status_code == 303
    page = client.get("/", params=httpx.URL(answer.headers["location"]).params)
    assert "Nothing was sent." in page.text
    assert "<script" not in page.text
    assert not any(log["topics"][2].endswith("ab" * 20) for log in chain.logs(head + 1, 10**9))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"5", b'{"method":5}', b'["x"]'])
def test_rpc_takes_nonsense_calmly(running: tuple[Chain, httpx.Client], body: bytes) -> None:
    assert running[1].post("/rpc", content=body).status_code == 200


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getLogs", [{}]),
        ("eth_getLogs", []),
        ("eth_getBlockByNumber", ["x", False]),
        ("eth_getBlockByNumber", [None]),
        ("eth_getTransactionReceipt", []),
        ("eth_sendEverything", []),
    ],
)
def test_rpc_answers_wrong_calls_with_an_error(
    running: tuple[Chain, httpx.Client], method: str, params: list[object]
) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    assert set(running[1].post("/rpc", json=call).json()) == {"jsonrpc", "id", "error"}


def test_blocks_follow_a_transfer_and_then_stop() -> None:
    chain = Chain()
    chain.send(token="USDC", to=TO, value=1)
    sent_in = chain.head
    chain._mined_at = time.monotonic() - 3.5
    chain.age()
    assert chain.head == sent_in + 3
    chain._mined_at = time.monotonic() - 1000
    chain.age()
    # The wish was known one block earlier than its own.
    assert chain.head == sent_in - 1 + 20
    chain._mined_at = time.monotonic() - 1000
    chain.age()
    assert chain.head == sent_in - 1 + 20


def test_reorganisation_replaces_every_block() -> None:
    chain = Chain()
    sent = chain.send(token="USDC", to=TO, value=1)
    chain.mine(3)
    before = [chain.block(number) for number in range(chain.head + 1)]
    chain.reorg(4)
    after = [chain.block(number) for number in range(chain.head + 1)]
    assert after[: len(before) - 4] == before[:-4]
    assert not [block for block in before[-4:] if block in after]
    assert (chain.receipt(sent), len(after)) == (None, len(before) + 1)


def test_environment_names_tokens_that_are_there() -> None:
    chain = Chain()
    made = [receipt["address"] for receipt in chain.logs(0, chain.head)]
    assert made == [address.lower() for address, _ in sandbox.TOKENS.values()]
    told = sandbox.environment("http://127.0.0.1:1/sandbox/chain")
    assert told["CRYPTO_LOCAL_RPC"] == "http://127.0.0.1:1/sandbox/chain/rpc"
    assert chain.chain_id == sandbox.CHAIN_ID


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1e9", "NaN", "Infinity", "0.0000001", "1,5", "ten"]
)
def test_amount_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount):
        units(text, decimals=6)
