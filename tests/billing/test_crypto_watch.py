"""Transfers on a real chain: what is paid, by how much and when, is credited once; what is not, never."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import ChainCursor, Deposit, Payment, TopUp
from apps.billing.selectors import crypto
from apps.billing.services import movements
from apps.billing.services.crypto import topups, watch
from apps.notifications.models import Email
from apps.sandbox.chain.settings import WRONG, XPUB
from tests.billing.crypto import USD, asked, balance, deposits, look, paid, problem, state
from tests.factories import WorkspaceFactory
from tests.payments.chain_server import CONFIRMATIONS, TestChain


@pytest.fixture(autouse=True)
def _crypto(settings: Any, chain: TestChain) -> None:
    settings.CRYPTO_XPUB = XPUB
    settings.CRYPTO_CHAINS = chain.configured()
    watch._proved.clear()


@pytest.fixture
def poor(db: None) -> Workspace:
    return WorkspaceFactory.create(points=0)


def test_exact_payment_is_credited_after_its_confirmations(
    poor: Workspace, chain: TestChain
) -> None:
    top_up, address = asked(poor)
    assert look() == ""
    chain.send(address, 10)
    assert look() == ""
    assert (deposits(poor), balance(poor)) == ([("seen", 10 * USD)], (0, 0))
    assert state(top_up) == (TopUp.State.PROCESSING, "")
    chain.chain.mine(CONFIRMATIONS - 2)
    look()
    assert Deposit.objects.of(poor.pk).get().confirmations == CONFIRMATIONS - 1
    assert balance(poor) == (0, 0)
    chain.chain.mine()
    look()
    assert (deposits(poor), balance(poor)) == ([("credited", 10 * USD)], (10 * USD, 0))
    assert state(top_up) == (TopUp.State.CREDITED, "")


def test_looking_again_credits_nothing_more(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    for _ in range(4):
        assert look() == ""
        chain.chain.mine()
    assert (paid(poor), balance(poor)) == ([10 * USD], (10 * USD, 0))


def test_payment_names_transfer_and_method(poor: Workspace, chain: TestChain) -> None:
    top_up, address = asked(poor, token="USDT")
    tx_hash = chain.send(address, 10, token="USDT")
    chain.chain.mine(CONFIRMATIONS)
    look()
    genesis = ChainCursor.objects.get(pk="local").genesis
    made = Payment.objects.of(poor.pk).get()
    assert (made.provider, made.ref, made.method, made.top_up_id, made.is_test) == (
        "evm",
        f"local:{genesis[2:10]}:{tx_hash}:0",
        "USDT on Local test chain",
        top_up.pk,
        True,
    )


def test_too_little_is_credited_and_told(poor: Workspace, chain: TestChain) -> None:
    top_up, address = asked(poor)
    chain.send(address, 7)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert balance(poor) == (7 * USD, 0)
    assert state(top_up) == (
        TopUp.State.CREATED,
        "Received $7.00 of $10.00; it is credited.",
    )
    chain.send(address, 3)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (state(top_up), balance(poor)) == ((TopUp.State.CREDITED, ""), (10 * USD, 0))


def test_too_much_and_twice_is_all_credited(poor: Workspace, chain: TestChain) -> None:
    top_up, address = asked(poor)
    chain.send(address, "12.345678")
    chain.send(address, 12)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert paid(poor) == [123_456_780, 12 * USD]
    assert state(top_up)[0] == TopUp.State.CREDITED


def test_late_payment_is_credited_all_the_same(poor: Workspace, chain: TestChain) -> None:
    top_up, address = asked(poor)
    TopUp.objects.of(poor.pk).update(expires_at=timezone.now() - timedelta(days=30))
    assert topups.expire() == 1
    assert state(top_up) == (TopUp.State.EXPIRED, "")
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (state(top_up), balance(poor)) == ((TopUp.State.CREDITED, ""), (10 * USD, 0))


def test_token_decimals_are_divided_exactly(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor, token="USDT")
    # 18 decimals; below a point nothing is rounded up.
    chain.chain.send(token="USDT", to=address, value=10 * 10**18 + 99_999_999_999)
    chain.chain.send(token="USDT", to=address, value=10 * 10**18 + 100_000_000_000)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert paid(poor) == [10 * USD, 10 * USD + 1]


def test_less_than_a_cent_is_noted_and_not_credited(poor: Workspace, chain: TestChain) -> None:
    top_up, address = asked(poor)
    chain.send(address, "0.009999")
    chain.chain.mine(CONFIRMATIONS)
    look()
    row = Deposit.objects.of(poor.pk).get()
    assert (row.state, row.note) == ("settled", "Less than a cent: not credited.")
    assert (paid(poor), state(top_up)[0]) == ([], TopUp.State.CREATED)


def test_transfer_of_nothing_leaves_no_row(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.chain.send(token="USDC", to=address, value=0)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert deposits(poor) == []


def test_wrong_token_waits_for_the_operator(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.send(address, 10, token="WRONG")
    chain.chain.mine(CONFIRMATIONS)
    assert look() == ""
    row = Deposit.objects.of(poor.pk).get()
    assert (row.state, row.token, row.token_address, row.points) == (
        "held_back",
        "",
        WRONG.lower(),
        0,
    )
    assert balance(poor) == (0, 0)


def test_transfer_to_a_neighbour_is_the_neighbours(poor: Workspace, chain: TestChain) -> None:
    neighbour = WorkspaceFactory.create(points=0)
    asked(poor)
    _, address = asked(neighbour)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (deposits(poor), balance(poor)) == ([], (0, 0))
    assert balance(neighbour) == (10 * USD, 0)


# ------------------------------------------------------------------------------ reorganisations
def test_reorg_before_credit_forgets_the_transfer(poor: Workspace, chain: TestChain) -> None:
    top_up, address = asked(poor)
    chain.send(address, 10)
    look()
    chain.chain.reorg(1)
    chain.chain.mine(CONFIRMATIONS)
    assert look() == ""
    assert (deposits(poor), balance(poor)) == ([("gone", 10 * USD)], (0, 0))
    assert state(top_up)[0] == TopUp.State.CREATED


def test_transfer_that_is_included_again_is_credited_once(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    tx_hash = chain.send(address, 10)
    look()
    chain.chain.reorg(1)
    look()
    assert deposits(poor) == [("gone", 10 * USD)]
    chain.chain.reorg(2, again=[tx_hash])
    look()
    assert deposits(poor) == [("seen", 10 * USD)]
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (paid(poor), balance(poor)) == ([10 * USD], (10 * USD, 0))


def test_transfer_that_moves_to_another_place_in_its_block_is_credited_once(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    given = chain.send("0x" + "11" * 20, 1, sender="wallet")
    chain.chain.send(token="USDC", to="0x" + "22" * 20, value=5_000_000)
    mine = chain.send(address, 10)
    look()
    chain.chain.reorg(3)
    # The other wallet has no tokens of its own; both of ours now share one block, mine behind.
    second = chain.chain.logs(0, chain.chain.head)[-1]["transactionHash"]
    assert second not in {given, mine}
    first = chain.chain.pool(token="USDC", to="0x" + "33" * 20, value=1)
    moved = chain.chain.pool(token="USDC", to=address, value=10_000_000)
    chain.chain.mine()
    assert [int(log["logIndex"], 16) for log in chain.chain.logs(chain.chain.head, 10**6)] == [0, 1]
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (deposits(poor), balance(poor)) == (
        [("gone", 10 * USD), ("credited", 10 * USD)],
        (10 * USD, 0),
    )
    assert len({first, moved, mine}) == 3


def test_reorg_after_credit_takes_the_credits_back_and_says_so(
    poor: Workspace, chain: TestChain
) -> None:
    top_up, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert balance(poor) == (10 * USD, 0)
    chain.chain.reorg(CONFIRMATIONS + 1)
    assert look() == ""
    assert (deposits(poor), balance(poor)) == ([("clawed", 10 * USD)], (0, 0))
    assert state(top_up)[0] == TopUp.State.CREATED
    seen = crypto.status(top_up=top_up)
    assert seen is not None
    assert (seen.has_lost, seen.missing) == (True, 10 * USD)
    mails = Email.objects.of(poor.pk).values_list("kind", "subject")
    assert list(mails) == [("crypto_gone", "A transfer of $10.00 is no longer on Local test chain")]


def test_reorg_after_the_credits_were_spent_leaves_a_debt(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    movements.adjust(
        workspace_id=poor.pk, points=-4 * USD, reference="spent", note="spent", actor=None
    )
    chain.chain.reorg(CONFIRMATIONS + 1)
    look()
    assert balance(poor) == (0, 4 * USD)


def test_credited_transfer_that_is_included_again_gets_its_credits_back(
    poor: Workspace, chain: TestChain
) -> None:
    top_up, address = asked(poor)
    tx_hash = chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    chain.chain.reorg(CONFIRMATIONS + 1)
    look()
    chain.chain.reorg(2, again=[tx_hash])
    look()
    assert (deposits(poor), balance(poor)) == ([("seen", 10 * USD)], (0, 0))
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (deposits(poor), balance(poor)) == ([("credited", 10 * USD)], (10 * USD, 0))
    assert (paid(poor), state(top_up)[0]) == ([10 * USD], TopUp.State.CREDITED)
    # And once more, both ways.
    chain.chain.reorg(CONFIRMATIONS + 2)
    look()
    assert balance(poor) == (0, 0)
    chain.chain.reorg(2, again=[tx_hash])
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (paid(poor), balance(poor)) == ([10 * USD], (10 * USD, 0))


def test_reorg_that_moves_a_credited_transfer_changes_nothing_for_good(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    tx_hash = chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    chain.chain.reorg(CONFIRMATIONS + 1, again=[tx_hash])
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (deposits(poor), balance(poor)) == ([("credited", 10 * USD)], (10 * USD, 0))


def test_reorg_deeper_than_we_remember_stops_and_tells(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.chain.mine(100)
    look()
    # Forget what was before the last few blocks, as after a long time on a long chain.
    cursor = ChainCursor.objects.get(pk="local")
    head = chain.chain.block(chain.chain.head - 4)
    assert head is not None
    cursor.recent = [[int(head["number"], 16), head["hash"]], *cursor.recent[-1:]]
    cursor.save()
    chain.chain.reorg(10)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    assert "further back than we can follow" in look()
    assert deposits(poor) == []


# ---------------------------------------------------------------------------- nodes that let down
def test_outage_is_told_and_made_up_for(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    look()
    chain.knobs.is_out = True
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    assert look() == "The node answers HTTP 503."
    since = ChainCursor.objects.get(pk="local").problem_since
    look()
    assert ChainCursor.objects.get(pk="local").problem_since == since is not None
    chain.knobs.is_out = False
    assert look() == ""
    assert balance(poor) == (10 * USD, 0)


def test_node_of_another_chain_is_not_believed(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.knobs.chain_id = 1
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    assert look() == "The node speaks for chain 1, not for 131277322940537."
    assert deposits(poor) == []


def test_test_chain_that_starts_anew_is_begun_anew(
    poor: Workspace, chain: TestChain, make_chain: Callable[[], TestChain]
) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    chain.send(address, 3)
    look()
    fresh = make_chain()
    # The same first transfer has the same name on the new chain, and is money of its own.
    fresh.send(address, 10)
    fresh.chain.mine(CONFIRMATIONS)
    assert look() == ""
    assert deposits(poor) == [
        ("credited", 10 * USD),
        ("gone", 3 * USD),
        ("credited", 10 * USD),
    ]
    assert balance(poor) == (20 * USD, 0)


def test_narrow_search_is_split(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    chain.chain.mine(40)
    chain.send(address, 3)
    chain.chain.mine(CONFIRMATIONS)
    chain.knobs.max_range = 4
    assert look() == ""
    assert sorted(paid(poor)) == [3 * USD, 10 * USD]


def test_search_that_finds_nothing_is_noticed(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    tx_hash = chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    watch._proved.clear()
    chain.knobs.hidden.add(tx_hash)
    chain.knobs.hides_only_logs = True
    assert look() == "The node does not find a transfer that it has."
    assert balance(poor) == (10 * USD, 0)


def test_transfer_left_out_of_a_search_is_noticed_by_its_receipt(
    poor: Workspace, chain: TestChain
) -> None:
    _, address = asked(poor)
    tx_hash = chain.send(address, 10)
    look()
    chain.knobs.hidden.add(tx_hash)
    chain.knobs.hides_only_logs = True
    assert look() == "The node leaves out a transfer that its receipt has."
    assert deposits(poor) == [("seen", 10 * USD)]
    chain.knobs.hidden.clear()
    assert look() == ""


def test_deposit_is_lost_to_a_neighbours_topup_never(poor: Workspace, chain: TestChain) -> None:
    first, address = asked(poor)
    second, other = asked(poor)
    assert address != other
    chain.send(other, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert (state(first)[0], state(second)[0]) == (TopUp.State.CREATED, TopUp.State.CREDITED)
    assert problem() == ""
