"""The pages of a top-up by token: the form, the address, and where the transfer stands."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.models import DepositAddress, TopUp
from apps.billing.services.crypto import watch
from apps.sandbox.chain.settings import USDC, XPUB
from tests.billing.crypto import asked, look
from tests.payments.chain_server import CONFIRMATIONS, TestChain


@pytest.fixture(autouse=True)
def _crypto(settings: Any, chain: TestChain) -> None:
    settings.CRYPTO_XPUB = XPUB
    settings.CRYPTO_CHAINS = chain.configured()
    watch._proved.clear()


def _send(client: Client, workspace: Workspace, **values: str) -> Any:
    given = {"coin": "local:USDC", "amount": "10", "client_key": "some-client-key"}
    return client.post(f"/w/{workspace.slug}/billing/topup/crypto", given | values)


def _status(client: Client, workspace: Workspace, top_up: TopUp) -> str:
    answer = client.get(f"/w/{workspace.slug}/billing/topup/{top_up.pk}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_form_leads_to_one_address_however_often_it_is_sent(
    owner: Client, workspace: Workspace
) -> None:
    first, second = _send(owner, workspace), _send(owner, workspace)
    top_up = TopUp.objects.of(workspace.pk).get()
    path = f"/w/{workspace.slug}/billing/topup/{top_up.pk}"
    assert (first.status_code, first.url, second.url) == (302, path, path)
    assert DepositAddress.objects.of(workspace.pk).get().top_up_id == top_up.pk


@pytest.mark.parametrize(
    "values",
    [
        {"coin": "local:DAI"},
        {"coin": "base:USDC"},
        {"coin": ""},
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "1e30"},
        {"amount": "NaN"},
        {"amount": "10.001"},
        {"amount": "2.99"},
        {"amount": ""},
        {"client_key": "x"},
        {"client_key": ""},
    ],
)
def test_bad_form_is_shown_again(
    owner: Client, workspace: Workspace, values: dict[str, str]
) -> None:
    assert _send(owner, workspace, **values).status_code == 422
    assert TopUp.objects.of(workspace.pk).count() == 0


def test_page_shows_where_and_how_much_to_send(
    owner: Client, workspace: Workspace, settings: Any
) -> None:
    top_up, address = asked(workspace)
    page = _status(owner, workspace, top_up)
    assert "Send 10.00 USDC on <strong>Local test chain</strong>" in page
    assert address in page
    assert '<svg viewBox="0 0' in page
    assert "/sandbox/chain/" not in page
    settings.TEST_PAYMENTS = True
    wallet = f"/sandbox/chain/?to={address}&amp;token=USDC&amp;amount=10.00"
    assert wallet in _status(owner, workspace, top_up)


def test_code_to_scan_names_token_network_and_amount(workspace: Workspace) -> None:
    from apps.dashboard import crypto_pages

    top_up, address = asked(workspace)
    page = crypto_pages.page(top_up)
    assert page is not None
    assert page.uri == (
        f"ethereum:{USDC.lower()}@131277322940537/transfer?address={address}&uint256=10000000"
    )


def test_page_follows_the_transfer(owner: Client, workspace: Workspace, chain: TestChain) -> None:
    top_up, address = asked(workspace)
    chain.send(address, 7)
    chain.chain.mine(2)
    look()
    page = _status(owner, workspace, top_up)
    assert f"3 of {CONFIRMATIONS} confirmations" in page
    assert "Your transfer is on its way." in page
    assert "Send 3.00 USDC" in page
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert "Received $7.00 of $10.00; it is credited." in _status(owner, workspace, top_up)
    chain.send(address, 4)
    chain.chain.mine(CONFIRMATIONS)
    look()
    page = _status(owner, workspace, top_up)
    assert "Credited $11.00." in page
    assert "That is more than the $10.00 of this top-up" in page
    assert "hx-get" not in page.split('id="topup-state"')[1].split(">")[0]


def test_page_tells_of_a_wrong_token_and_a_reorganised_chain(
    owner: Client, workspace: Workspace, chain: TestChain
) -> None:
    top_up, address = asked(workspace)
    chain.send(address, 10, token="WRONG")
    chain.send(address, 10)
    chain.chain.mine(CONFIRMATIONS)
    look()
    assert 'your case number is <strong class="mono">D-' in _status(owner, workspace, top_up)
    chain.chain.reorg(CONFIRMATIONS + 1)
    look()
    assert "Its credits were taken back" in _status(owner, workspace, top_up)


def test_page_tells_that_the_chain_cannot_be_read(
    owner: Client, workspace: Workspace, chain: TestChain
) -> None:
    top_up, _ = asked(workspace)
    chain.knobs.is_out = True
    look()
    assert "We cannot read Local test chain at the moment." in _status(owner, workspace, top_up)


def test_neighbour_does_not_see_the_page(stranger: Client, workspace: Workspace) -> None:
    top_up, _ = asked(workspace)
    assert stranger.get(f"/w/{workspace.slug}/billing/topup/{top_up.pk}").status_code == 404


def test_nothing_is_offered_where_crypto_is_off(
    owner: Client, workspace: Workspace, settings: Any
) -> None:
    settings.CRYPTO_CHAINS = {}
    page = owner.get(f"/w/{workspace.slug}/billing/topup").content.decode()
    assert "By crypto" not in page
    assert _send(owner, workspace).status_code == 200
    assert TopUp.objects.of(workspace.pk).count() == 0
