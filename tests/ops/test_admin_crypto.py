"""What the operator sees of token payments, and decides."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.models import ChainCursor, Deposit
from apps.billing.services.crypto import operator, watch
from apps.ops import state_metrics
from apps.sandbox.chain.settings import XPUB
from tests.billing.crypto import USD, asked, balance, look
from tests.factories import UserFactory, WorkspaceFactory
from tests.payments.chain_server import CONFIRMATIONS, TestChain


@pytest.fixture(autouse=True)
def _crypto(settings: Any, chain: TestChain) -> None:
    settings.CRYPTO_XPUB = XPUB
    settings.CRYPTO_CHAINS = chain.configured()
    watch._proved.clear()


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def poor(db: None) -> Workspace:
    return WorkspaceFactory.create(points=0)


def _held_back(workspace: Workspace, chain: TestChain) -> Deposit:
    _, address = asked(workspace)
    chain.send(address, 10, token="WRONG")
    chain.chain.mine(CONFIRMATIONS)
    look()
    return Deposit.objects.of(workspace.pk).get()


def test_pages_open(staff: Client, poor: Workspace, chain: TestChain) -> None:
    held = _held_back(poor, chain)
    paths = [
        "deposit/",
        f"deposit/{held.pk}/change/",
        "depositaddress/",
        f"depositaddress/{held.address_id}/change/",
        "chaincursor/",
        "chaincursor/local/change/",
    ]
    answers = [staff.get(f"/ops/admin/billing/{path}").status_code for path in paths]
    assert answers == [200] * len(paths)


def test_held_back_transfer_is_credited_by_a_step(
    staff: Client, poor: Workspace, chain: TestChain
) -> None:
    held = _held_back(poor, chain)
    path = f"/ops/admin/billing/deposit/{held.pk}/credit/do/"
    assert staff.post(path, {"amount": "5", "reason": ""}).status_code == 200
    assert balance(poor) == (0, 0)
    staff.post(path, {"amount": "5", "reason": "Worth it."})
    assert balance(poor) == (5 * USD, 0)


def test_reading_again_keeps_what_is_known(poor: Workspace, chain: TestChain) -> None:
    _, address = asked(poor)
    chain.send(address, 10)
    look()
    operator.read_again(chain="local")
    assert ChainCursor.objects.get(pk="local").genesis == ""
    chain.chain.mine(CONFIRMATIONS)
    assert (look(), balance(poor)) == ("", (10 * USD, 0))


def test_metrics_tell_of_a_chain_in_trouble(poor: Workspace, chain: TestChain) -> None:
    _held_back(poor, chain)
    chain.knobs.is_out = True
    look()
    told = {
        (metric.name, *sample.labels.values()): sample.value
        for metric in state_metrics.PARTS["chains"]()
        for sample in metric.samples
        if not metric.name.endswith("_seconds")
    }
    assert told == {
        ("modelyard_chain_problem", "local"): 1,
        ("modelyard_chain_behind_blocks", "local"): 0,
        ("modelyard_deposits", "seen"): 0,
        ("modelyard_deposits", "held_back"): 1,
    }
