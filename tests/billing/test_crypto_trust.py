"""Two endpoints that must agree, watchers that die or meet, and who gets which address."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.accounts.models import Workspace
from apps.billing import chains
from apps.billing.models import Deposit, DepositAddress, Payment, TopUp
from apps.billing.services.crypto import addresses, deposits, operator, topups, watch
from apps.core.errors import InvalidRequest
from apps.sandbox.chain.rpc import forged_transfer
from apps.sandbox.chain.settings import USDC, XPUB
from tests.billing.crypto import USD, asked, balance, look, paid, problem, state
from tests.billing.crypto import deposits as rows
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.payments.chain_server import CONFIRMATIONS, TestChain


@pytest.fixture(autouse=True)
def _crypto(settings: Any, chain: TestChain) -> None:
    settings.CRYPTO_XPUB = XPUB
    settings.CRYPTO_CHAINS = chain.configured(checks=True)
    watch._proved.clear()


@pytest.fixture
def poor(db: None) -> Workspace:
    return WorkspaceFactory.create(points=0)


# ------------------------------------------------------------------------------ two endpoints
def test_agreeing_endpoints_credit(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    assert (look(), balance(poor)) == ("", (10 * USD, 0))
    assert "eth_getTransactionReceipt" in chain.check_knobs.calls


def test_transfer_that_only_one_endpoint_has_is_not_credited(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    forgery = forged_transfer(chain.chain, token_address=USDC, to=address, value=10_000_000)
    chain.knobs.forged.append(forgery)
    chain.chain.mine(CONFIRMATIONS)
    assert look() == "The two endpoints tell different stories of a transfer."
    assert (rows(poor), balance(poor)) == ([("seen", 10 * USD)], (0, 0))
    chain.knobs.forged.clear()
    assert look() == ""
    assert (rows(poor), balance(poor)) == ([("gone", 10 * USD)], (0, 0))


def test_other_blocks_of_the_second_endpoint_stop_everything(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    depth = chain.chain.head - CONFIRMATIONS
    chain.check_knobs.lies_about.add(depth)
    assert look() == f"The two endpoints tell different blocks {depth}."
    assert (rows(poor), balance(poor)) == ([], (0, 0))


def test_hidden_transfer_does_not_take_credits_back(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    tx_hash = chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS - 1)
    look()
    chain.knobs.hidden.add(tx_hash)
    assert look() == "The two endpoints tell different stories of a transfer."
    assert balance(poor) == (10 * USD, 0)


def test_endpoint_that_lags_is_waited_for(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    chain.check_knobs.behind = 3
    assert (look(), balance(poor)) == ("", (0, 0))
    chain.check_knobs.behind = 0
    assert (look(), balance(poor)) == ("", (10 * USD, 0))


def test_second_endpoint_away_means_nothing_is_credited(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.check_knobs.is_out = True
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    assert (look(), balance(poor)) == ("The node answers HTTP 503.", (0, 0))


# -------------------------------------------------------------------------- deaths and meetings
class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def _dies_at(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, after: bool
) -> Callable[[], None]:
    real = getattr(module, name)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(module, name, dying)
    return lambda: monkeypatch.setattr(module, name, real)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (watch, "_advance"),
        (watch, "_take_in"),
        (watch, "_miss"),
        (deposits, "see"),
        (deposits, "credit"),
        (deposits, "_paid"),
        (deposits.payments, "settle"),
        (deposits.topups, "bring_in_line"),
        (deposits.payments.invoices, "issue"),
        (watch, "_clear_problem"),
    ],
)
def test_watcher_killed_anywhere_credits_once(
    poor: Workspace,
    chain: TestChain,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    after: bool,
) -> None:
    top_up, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    heal = _dies_at(monkeypatch, module, name, after=after)
    with pytest.raises(Killed):
        watch.watch(chain="local")
    heal()
    assert look() == ""
    assert (paid(poor), balance(poor)) == ([10 * USD], (10 * USD, 0))
    assert state(top_up)[0] == TopUp.State.CREDITED


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["_tell_reorg", "_write_about", "lose"])
def test_watcher_killed_while_taking_back_takes_back_once(
    poor: Workspace,
    chain: TestChain,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    after: bool,
) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    chain.chain.reorg(CONFIRMATIONS + 1)
    heal = _dies_at(monkeypatch, deposits, name, after=after)
    with pytest.raises(Killed):
        watch.watch(chain="local")
    heal()
    look()
    assert (rows(poor), balance(poor)) == ([("clawed", 10 * USD)], (0, 0))


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_watchers_at_the_same_time_credit_once(
    chain: TestChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = WorkspaceFactory.create(points=0)
    top_up, address = asked(workspace)
    look()
    chain.send(address, 10)
    chain.send(address, 3)
    chain.chain.mine(CONFIRMATIONS)
    # As after a flush of Valkey: everybody thinks it is their turn.
    monkeypatch.setattr(watch.turns.Turn, "take", lambda self: True)
    problems = at_once(*[lambda: watch.watch(chain="local")] * 4, times=2)
    assert (problems, problem()) == ([], "")
    assert sorted(paid(workspace)) == [3 * USD, 10 * USD]
    assert (balance(workspace), state(top_up)[0]) == ((13 * USD, 0), TopUp.State.CREDITED)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_top_ups_at_the_same_time_have_addresses_of_their_own() -> None:
    workspace = WorkspaceFactory.create()
    assert at_once(*[lambda: asked(workspace)] * 6, times=2) == []
    indexes = DepositAddress.objects.of(workspace.pk).values_list("index", flat=True)
    assert sorted(indexes) == list(range(12))


# ------------------------------------------------------------------------------------ addresses
def test_addresses_are_those_of_the_wallets_own_software() -> None:
    # m/44'/60'/0'/0/0 … of the published phrase, as every wallet shows them.
    assert [addresses.address_at(index) for index in range(2)] == [
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    ]


@pytest.mark.parametrize(
    "address",
    [  # the examples of EIP-55
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_are_checksummed_as_the_standard_says(address: str) -> None:
    assert addresses.checksummed(bytes.fromhex(address[2:])) == address


@pytest.mark.parametrize("key", ["xpub", XPUB[:-1], XPUB[:-1] + "q", "xprv" + XPUB[4:]])
def test_key_that_is_none_is_refused_without_repeating_it(settings: Any, key: str) -> None:
    settings.CRYPTO_XPUB = key
    with pytest.raises(ImproperlyConfigured) as refused:
        addresses.check_key()
    assert XPUB[10:30] not in str(refused.value)


def test_key_of_another_level_is_refused(settings: Any) -> None:
    from bip32 import BIP32

    settings.CRYPTO_XPUB = BIP32.from_xpub(XPUB).get_xpub_from_path([0])
    with pytest.raises(ImproperlyConfigured, match="m/44'/60'/0'"):
        addresses.check_key()


def test_same_form_is_one_top_up_with_one_address(poor: Workspace) -> None:
    def send(points: int = 10 * USD) -> TopUp:
        return topups.start(
            workspace_id=poor.pk, user=None, amount_points=points, client_key="same-form",
            chain="local", token="USDC",
        )  # fmt: skip

    assert send().pk == send().pk
    assert DepositAddress.objects.of(poor.pk).count() == 1
    with pytest.raises(InvalidRequest):
        send(20 * USD)


@pytest.mark.parametrize(
    ("chain_name", "token", "points"),
    [
        ("nowhere", "USDC", 10 * USD),
        ("ethereum", "USDC", 10 * USD),
        ("local", "DAI", 10 * USD),
        ("local", "USDC", 0),
        ("local", "USDC", -10 * USD),
        ("local", "USDC", 10 * USD + 1),
        ("local", "USDC", 10**18),
    ],
)
def test_top_up_that_cannot_be_is_refused(
    poor: Workspace, chain_name: str, token: str, points: int
) -> None:
    with pytest.raises(InvalidRequest):
        topups.start(
            workspace_id=poor.pk, user=None, amount_points=points, client_key="some-form",
            chain=chain_name, token=token,
        )  # fmt: skip
    assert TopUp.objects.of(poor.pk).count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"nowhere": {"rpc": "https://x", "rpc_check": "", "confirmations": "", "tokens": ""}},
        {"base": {"rpc": "", "rpc_check": "", "confirmations": "", "tokens": ""}},
        {"base": {"rpc": "https://x", "rpc_check": "", "confirmations": "0", "tokens": ""}},
        {"base": {"rpc": "https://x", "rpc_check": "", "confirmations": "", "tokens": "USDC"}},
        {"local": {"rpc": "https://x", "rpc_check": "", "confirmations": "", "tokens": ""}},
    ],
)
def test_chain_that_cannot_be_read_is_refused(settings: Any, wrong: Any) -> None:
    settings.CRYPTO_CHAINS = wrong
    with pytest.raises(ImproperlyConfigured):
        chains.configured()


# ------------------------------------------------------------------------------------- operator
def _held_back(poor: Workspace, chain: TestChain) -> Deposit:
    _, address = asked(poor)
    chain.send(address, 10, token="WRONG")
    chain.chain.mine(CONFIRMATIONS)
    look()
    return Deposit.objects.of(poor.pk).get()


def test_operator_credits_what_was_held_back_once(poor: Workspace, chain: TestChain) -> None:
    held = _held_back(poor, chain)
    for _ in range(2):
        operator.credit(
            deposit_id=held.pk, points=5 * USD, reason="Swapped it for them.", actor=None
        )
    assert (rows(poor), balance(poor)) == ([("settled", 5 * USD)], (5 * USD, 0))
    assert Payment.objects.of(poor.pk).get().method == "Token on Local test chain"


def test_operator_closes_what_was_held_back(poor: Workspace, chain: TestChain) -> None:
    held = _held_back(poor, chain)
    operator.close(deposit_id=held.pk, reason="Sent back.", actor=None)
    held.refresh_from_db()
    assert (held.state, held.note, balance(poor)) == ("settled", "Sent back.", (0, 0))


@pytest.mark.parametrize(("points", "reason"), [(0, "x"), (-1, "x"), (USD, " "), (10**19, "x")])
def test_operator_needs_a_sum_and_a_reason(
    poor: Workspace, chain: TestChain, points: int, reason: str
) -> None:
    held = _held_back(poor, chain)
    with pytest.raises(InvalidRequest):
        operator.credit(deposit_id=held.pk, points=points, reason=reason, actor=None)
    assert balance(poor) == (0, 0)


def test_reorg_takes_back_what_the_operator_credited(poor: Workspace, chain: TestChain) -> None:
    held = _held_back(poor, chain)
    operator.credit(deposit_id=held.pk, points=5 * USD, reason="Worth it.", actor=None)
    chain.chain.reorg(CONFIRMATIONS + 1)
    look()
    assert (rows(poor), balance(poor)) == ([("clawed", 5 * USD)], (0, 0))


def test_web_process_does_not_load_the_library_of_chains() -> None:
    # It takes seconds and tens of megabytes, and only the job that reads chains needs it.
    probe = (
        "import config.wsgi, sys; from django.urls import get_resolver; get_resolver().url_patterns; "
        "print([name for name in ('web3', 'eth_tester') if name in sys.modules])"
    )
    env = {**os.environ, "CRYPTO_XPUB": XPUB, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", probe],
        capture_output=True,
        text=True,
        env=env,
        check=True,
    )
    assert done.stdout == "[]\n"
