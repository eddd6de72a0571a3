"""The audit sees what it is there to see: each fault is planted and must be named."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import (
    AdjustmentRequest,
    CodeBatch,
    CreditLot,
    LegalEntity,
    Payment,
    RedeemCode,
    Referral,
    ReferralReward,
    Reversal,
    Subscription,
    TopUp,
    Wallet,
)
from apps.billing.services import movements
from apps.ops import audit
from tests.factories import UserFactory, WorkspaceFactory, owner_of
from tests.factories.billing import USD, payment

pytestmark = pytest.mark.django_db


def owes_and_has(workspace: Workspace) -> str:
    movements.claw_back(workspace_id=workspace.pk, points=50 * USD, reference="payment:x:1")
    Wallet.objects.of(workspace.pk).update(available=5)
    return f"workspace {workspace.pk} owes"


def lots_say_less(workspace: Workspace) -> str:
    CreditLot.objects.of(workspace.pk).update(remaining=F("remaining") - 1)
    return f"workspace {workspace.pk} has {30 * USD} points, its lots {30 * USD - 2}"


def payment_says_more(workspace: Workspace) -> str:
    made = Payment.objects.of(workspace.pk).get()
    Payment.objects.of(workspace.pk).update(credit_points=21 * USD)
    return f"payment {made.pk} brings {21 * USD} points, the ledger has {20 * USD}"


def clawed_without_a_line(workspace: Workspace) -> str:
    made = Payment.objects.of(workspace.pk).get()
    Payment.objects.of(workspace.pk).update(clawed_points=7)
    return f"payment {made.pk} had 7 points taken back, the ledger says 0"


def purchase_without_a_payment(workspace: Workspace) -> str:
    movements.purchase(workspace_id=workspace.pk, points=9, reference="payment:made-up")
    return f"payment:made-up of 9 points in workspace {workspace.pk} has no payment"


def reversal_without_a_clawback(workspace: Workspace) -> str:
    made = Payment.objects.of(workspace.pk).get()
    Reversal.objects.create(
        payment=made,
        workspace=workspace,
        kind="refund",
        ref="re_1",
        amount_points=5 * USD,
        is_in_effect=True,
    )
    return f"payment {made.pk}: {5 * USD} of {20 * USD} points went back, 0 of {20 * USD}"


def top_up_without_a_payment(workspace: Workspace) -> str:
    made = TopUp.objects.create(
        workspace=workspace, provider="stripe", client_key="k", amount_points=USD, state="credited"
    )
    return f"top-up {made.pk} is credited without a payment"


def top_up_of_somebody_else(workspace: Workspace) -> str:
    other = WorkspaceFactory.create()
    made = TopUp.objects.create(
        workspace=other, provider="stripe", client_key="k", amount_points=USD
    )
    Payment.objects.of(workspace.pk).update(top_up=made)
    return (
        f"payment {Payment.objects.of(workspace.pk).get().pk} belongs to workspace {workspace.pk}"
    )


def payment_without_an_invoice(workspace: Workspace) -> str:
    made = Payment.objects.create(
        workspace=workspace,
        kind="top_up",
        provider="evm",
        ref="x",
        amount_points=USD,
        paid_at=timezone.now(),
    )
    return f"payment {made.pk} has 0 invoices instead of 1"


def invoice_of_another_amount(workspace: Workspace) -> str:
    Payment.objects.of(workspace.pk).update(tax_points=USD)
    return (
        f"says {20 * USD} and 0 tax for workspace {workspace.pk}, its payment {20 * USD} and {USD}"
    )


def number_left_out(workspace: Workspace) -> str:
    LegalEntity.objects.update(next_number=F("next_number") + 1)
    return "no document has the numbers 2 to 2"


def _reward(workspace: Workspace, state: str) -> ReferralReward:
    invitee = UserFactory.create()
    referral = Referral.objects.create(
        invitee=invitee,
        invitee_workspace=workspace,
        referrer=owner_of(workspace),
        workspace=workspace,
        first_touch_at=timezone.now(),
    )
    return ReferralReward.objects.create(
        referral=referral,
        workspace=workspace,
        rule="sign_up",
        side="referrer",
        points=9,
        state=state,
        due_at=timezone.now(),
    )


def reward_without_a_line(workspace: Workspace) -> str:
    return f"reward:{_reward(workspace, 'granted').pk}: GRANT of 9 points expected"


def refused_reward_with_a_line(workspace: Workspace) -> str:
    reward = _reward(workspace, "refused")
    movements.grant(workspace_id=workspace.pk, points=9, reference=f"reward:{reward.pk}")
    return f"reward:{reward.pk}: GRANT of None points expected, the ledger has 9"


def line_without_a_reward(workspace: Workspace) -> str:
    movements.grant(workspace_id=workspace.pk, points=9, reference="reward:4711")
    return "reward:4711: GRANT of None points expected, the ledger has 9"


def _code(**fields: Any) -> RedeemCode:
    batch = CodeBatch.objects.create(name="b", prefix="B", points=9, count=1)
    return RedeemCode.objects.create(batch=batch, digest=b"1" * 32, shown_prefix="B-1", **fields)


def code_without_a_line(workspace: Workspace) -> str:
    code = _code(workspace=workspace, redeemed_at=timezone.now())
    return f"code:{code.pk}: GRANT of 9 points expected, the ledger has None"


def line_without_a_code(workspace: Workspace) -> str:
    code = _code()
    movements.grant(workspace_id=workspace.pk, points=9, reference=f"code:{code.pk}")
    return f"code:{code.pk}: GRANT of None points expected, the ledger has 9"


def correction_without_a_line(workspace: Workspace) -> str:
    made = AdjustmentRequest.objects.create(
        workspace=workspace,
        points=9,
        reason="test",
        state="done",
        asked_by=owner_of(workspace),
    )
    return f"adjustment:{made.pk}: ADJUSTMENT of 9 points expected, the ledger has None"


@pytest.mark.parametrize(
    "plant",
    [
        owes_and_has,
        lots_say_less,
        payment_says_more,
        clawed_without_a_line,
        purchase_without_a_payment,
        reversal_without_a_clawback,
        top_up_without_a_payment,
        top_up_of_somebody_else,
        payment_without_an_invoice,
        invoice_of_another_amount,
        number_left_out,
        reward_without_a_line,
        refused_reward_with_a_line,
        line_without_a_reward,
        code_without_a_line,
        line_without_a_code,
        correction_without_a_line,
    ],
)
def test_planted_fault_is_named(plant: Callable[[Workspace], str]):
    workspace = WorkspaceFactory.create(points=10 * USD)
    payment(workspace, usd=20)
    assert audit.differences() == []

    sentence = plant(workspace)

    found = audit.differences()
    assert any(sentence in difference for difference in found), found


def test_plan_that_is_not_the_subscriptions_is_named():
    workspace = WorkspaceFactory.create(plan="premium")
    version = _version("developer")
    Subscription.objects.create(
        workspace=workspace, ref="sub_1", state="active", plan_version=version
    )

    assert f"workspace {workspace.pk} is on premium, its subscription on developer" in (
        audit.differences()
    )


def _version(plan: str) -> Any:
    from apps.accounts.models import PlanVersion

    return PlanVersion.objects.create(
        plan=plan, version=7, price_points=USD, share=1, concurrent_tasks=1, retention_days=1
    )
