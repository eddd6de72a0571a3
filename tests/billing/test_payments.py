"""One place where settled money becomes credits, and reversed money takes them back."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry, Payment, Reversal, Wallet
from apps.billing.services import credits, movements, payments
from apps.billing.services.payments import PaymentMismatch, WentBack
from apps.ops import audit
from tests.factories import WorkspaceFactory, identity
from tests.factories.billing import USD, payment, settled

pytestmark = pytest.mark.django_db


def balances(workspace: Workspace) -> tuple[int, int]:
    found = Wallet.objects.of(workspace.pk).get()
    return found.available, found.debt


def back(
    usd: int, *, kind: str = "refund", ref: str = "re_1", is_in_effect: bool = True, **facts: Any
) -> WentBack:
    return WentBack(kind=kind, ref=ref, amount_points=usd * USD, is_in_effect=is_in_effect, **facts)


def test_payment_credits_once_however_often_it_is_told():
    workspace = WorkspaceFactory.create(points=0)
    told = settled(workspace)

    results = [payments.settle(told) for _ in range(3)]

    assert [is_new for _, is_new in results] == [True, False, False]
    assert len({made.pk for made, _ in results}) == 1
    assert balances(workspace) == (20 * USD, 0)
    line = CreditEntry.objects.of(workspace.pk).get()
    assert (line.kind, line.reference) == ("PURCHASE", f"payment:{results[0][0].pk}")
    assert audit.differences() == []


@pytest.mark.parametrize(
    "lie", [{"amount_points": 1}, {"credit_points": 999 * USD}, {"tax_points": 5}]
)
def test_same_movement_with_other_facts_is_a_mismatch(lie: dict[str, int]):
    workspace = WorkspaceFactory.create(points=0)
    payment(workspace, ref="pi_1")

    with pytest.raises(PaymentMismatch):
        payments.settle(settled(workspace, ref="pi_1", **lie))

    assert balances(workspace) == (20 * USD, 0)


def test_payment_of_another_workspace_is_a_mismatch():
    mine, other = WorkspaceFactory.create(points=0), WorkspaceFactory.create(points=0)
    payment(mine, ref="pi_1")

    with pytest.raises(PaymentMismatch):
        payments.settle(settled(other, ref="pi_1"))

    assert balances(other) == (0, 0)


def test_crash_after_the_row_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    workspace = WorkspaceFactory.create(points=0)

    def crash(**_: Any) -> None:
        raise RuntimeError("the process died")

    with monkeypatch.context() as patched:
        patched.setattr(movements, "purchase", crash)
        with pytest.raises(RuntimeError):
            payments.settle(settled(workspace, ref="pi_1"))
    assert not Payment.objects.of(workspace.pk).exists()

    payments.settle(settled(workspace, ref="pi_1"))
    assert balances(workspace) == (20 * USD, 0)
    assert audit.differences() == []


def test_refund_in_parts_takes_credits_in_proportion_and_the_last_takes_the_rest():
    workspace = WorkspaceFactory.create(points=0)
    paid = payment(workspace, usd=20, tax_points=USD)  # 21 dollars in all

    payments.reverse(payment_id=paid.pk, went_back=back(7, ref="re_1"))
    after_first = balances(workspace)
    payments.reverse(payment_id=paid.pk, went_back=back(7, ref="re_2"))
    payments.reverse(payment_id=paid.pk, went_back=back(7, ref="re_3"))

    assert after_first == (20 * USD - 20 * USD * 7 // 21, 0)
    assert balances(workspace) == (0, 0)
    assert audit.differences() == []


def test_dispute_of_spent_credits_becomes_debt_and_a_won_one_pays_it_back():
    workspace = WorkspaceFactory.create(points=0)
    paid = payment(workspace, usd=20)
    credits.hold(identity=identity(workspace), points=15 * USD, reference="task:x")
    credits.capture(workspace_id=workspace.pk, reference="task:x", cost=15 * USD)

    payments.reverse(payment_id=paid.pk, went_back=back(20, kind="dispute", ref="dp_1"))
    assert balances(workspace) == (0, 15 * USD)

    won = back(20, kind="dispute", ref="dp_1", is_in_effect=False, status="won")
    payments.reverse(payment_id=paid.pk, went_back=won)
    assert balances(workspace) == (5 * USD, 0)


def test_refund_and_dispute_of_one_payment_take_no_more_than_it_brought():
    workspace = WorkspaceFactory.create(points=50 * USD)
    paid = payment(workspace, usd=20)

    payments.reverse(payment_id=paid.pk, went_back=back(15, ref="re_1"))
    payments.reverse(payment_id=paid.pk, went_back=back(20, kind="dispute", ref="dp_1"))

    assert balances(workspace) == (50 * USD, 0)
    assert Payment.objects.of(workspace.pk).get().clawed_points == 20 * USD
    assert audit.differences() == []


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_repetition_of_what_went_back_ends_the_same(seed: int):
    workspace = WorkspaceFactory.create(points=5 * USD)
    paid = payment(workspace, usd=20)
    told = [
        back(3, ref="re_1"),
        back(4, ref="re_2"),
        back(20, kind="dispute", ref="dp_1", is_in_effect=False, status="won"),
    ] * 3
    random.Random(seed).shuffle(told)

    for went_back in told:
        payments.reverse(payment_id=paid.pk, went_back=went_back)

    assert balances(workspace) == (18 * USD, 0)
    assert Reversal.objects.of(workspace.pk).count() == 3
    assert audit.differences() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_ten_at_once_credit_once_and_take_back_once():
    workspace = WorkspaceFactory.create(points=0)
    told = settled(workspace, ref="pi_race")

    def run(work: Any) -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=10) as pool:
        made = list(pool.map(run, [lambda: payments.settle(told)] * 10))
    assert [is_new for _, is_new in made].count(True) == 1
    assert balances(workspace) == (20 * USD, 0)

    paid = made[0][0].pk
    with ThreadPoolExecutor(max_workers=10) as pool:
        list(pool.map(run, [lambda: payments.reverse(payment_id=paid, went_back=back(20))] * 10))
    assert balances(workspace) == (0, 0)
    assert audit.differences() == []
