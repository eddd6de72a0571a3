"""The whole of the money on a random walk, with crashes: after each step the audit finds nothing.

Tasks, payments, what goes back of them, renewals, codes, corrections, rewards and expiry happen in any order, through
the services that the platform uses. A step may be cut off at any of its statements, as a killed process would be, and
is then done again, as a job would be. Each walk is undone at its end, so that all start alike.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from django.db import Error, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.accounts.models import User
from apps.billing import policies
from apps.billing.models import (
    CodeBatch,
    CreditEntry,
    CreditLot,
    Payment,
    RedeemCode,
    Referral,
    ReferralCode,
    ReferralReward,
    Wallet,
)
from apps.billing.services import adjustments, codes, credits, lots, movements, payments
from apps.billing.services.codes import batches, redeeming
from apps.billing.services.payments import WentBack
from apps.billing.services.referrals import rewards
from apps.core.errors import DomainError
from apps.ops import audit
from apps.tasks.models import Status, Task
from apps.tasks.services import claims, finish
from apps.tasks.services.create import ConcurrencyExceeded, create_task
from apps.tasks.services.request import TaskRequest
from tests.factories import ILLUSTRATION, ROUTE, UserFactory, WorkspaceFactory, identity, owner_of
from tests.factories.billing import settled

# A fifth of what the task costs: a few of these decide whether there is enough.
UNIT = 2_000
# Few enough names that they meet again and again.
NAMES = st.integers(min_value=0, max_value=5)
UNITS = st.integers(min_value=1, max_value=30)
# At which statement of a step the process dies; 0: it does not.
CRASH = st.one_of(st.just(0), st.integers(min_value=1, max_value=25))


class Crash(BaseException):
    """The end of a process: nothing catches it."""


@contextmanager
def dying_at(statement: int) -> Iterator[None]:
    """End the process when it is about to send this statement."""
    sent = 0

    def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal sent
        if "SAVEPOINT" in sql:  # stands for the test's own transaction
            return execute(sql, params, many, context)
        sent += 1
        if sent == statement:
            raise Crash
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield


class Money(RuleBasedStateMachine):
    """A customer whom a friend brought, and the friend. `worth` is what the customer must have, debt taken off."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self._walk = transaction.atomic()
        self._walk.__enter__()
        self.friend = WorkspaceFactory.create(points=0)
        self.workspace = WorkspaceFactory.create(points=5 * UNIT, plan="premium")
        self.who = identity(self.workspace)
        self.operators = [UserFactory.create(is_staff=True) for _ in range(2)]
        self._refer(owner_of(self.workspace), owner_of(self.friend))
        self.codes = self._batch()
        self.worth = 5 * UNIT

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._walk.__exit__(None, None, None)

    def _refer(self, invitee: User, referrer: User) -> None:
        EmailAddress.objects.create(user=invitee, email=invitee.email, verified=True)
        ReferralCode.objects.create(user=referrer, code=secrets.token_hex(6))
        Referral.objects.create(
            invitee=invitee,
            invitee_workspace=self.workspace,
            referrer=referrer,
            workspace=self.friend,
            first_touch_at=timezone.now(),
        )

    def _batch(self) -> list[str]:
        batch = batches.create(
            terms=batches.BatchTerms(name="Launch", prefix="HI", points=5 * UNIT, count=3),
            actor=self.operators[0],
        )
        # As many of one batch as one likes: what is tried here is the code, not the person.
        CodeBatch.objects.filter(pk=batch.pk).update(is_once_per_user=False)
        return batches.export(batch_id=batch.pk)

    def _do(self, step: Callable[[], Any], crash: int) -> Any:
        """A step that may die on the way, and is then done again."""
        type(self).steps += 1
        if crash:
            try:
                with dying_at(crash):
                    return step()
            except Crash:
                pass
        return step()

    # ------------------------------------------------------------------------ work
    @rule(crash=CRASH)
    def create(self, crash: int) -> None:
        key = secrets.token_hex(8)
        request = TaskRequest(**ILLUSTRATION, idempotency_key=key)
        try:
            self._do(lambda: create_task(identity=self.who, request=request), crash)
        except (credits.InsufficientCredits, ConcurrencyExceeded):
            return

    def _tasks(self, *status: Status) -> list[Task]:
        return list(
            Task.objects.of(self.workspace.pk).filter(status__in=status).order_by("created_at")
        )

    @rule(choice=NAMES, crash=CRASH, well=st.booleans())
    def finish_one(self, choice: int, crash: int, well: bool) -> None:
        waiting = self._tasks(Status.PENDING)
        if not waiting:
            return
        task = waiting[choice % len(waiting)]
        claim = claims.claim(task_id=task.id, route=ROUTE, worker="test")
        assert claim is not None
        if well:
            result = finish.Result(output={"image_url": "http://testserver/files/mj/x.png"})
            self._do(
                lambda: finish.complete(task_id=task.id, attempt=claim.attempt, result=result),
                crash,
            )
            self.worth -= task.price_points
        else:
            failure = finish.Failure(finish.FailureCode.PROVIDER_FAILED, "No.")
            self._do(lambda: finish.fail(task_id=task.id, failure=failure), crash)

    @rule(choice=NAMES, crash=CRASH)
    def cancel(self, choice: int, crash: int) -> None:
        open_ = self._tasks(Status.PENDING, Status.STAGED)
        if open_:
            self._do(lambda: finish.cancel(task=open_[choice % len(open_)]), crash)

    @rule(choice=NAMES, units=UNITS, crash=CRASH)
    def refund_task(self, choice: int, units: int, crash: int) -> None:
        ended = self._tasks(Status.COMPLETED)
        if not ended:
            return
        task = ended[choice % len(ended)]
        points = min(units * UNIT, task.cost_points)
        was = CreditEntry.objects.of(self.workspace.pk).filter(
            reference=task.reference, kind="REFUND"
        )
        is_first = not was.exists()
        if not points:
            return
        self._do(
            lambda: movements.refund(
                workspace_id=self.workspace.pk,
                reference=task.reference,
                points=points,
                note="test",
                actor=None,
            ),
            crash,
        )
        self.worth += points if is_first else 0

    # ---------------------------------------------------------------------- money in
    @rule(name=NAMES, units=UNITS, crash=CRASH, is_plan=st.booleans(), lasts=st.booleans())
    def pay(self, name: int, units: int, crash: int, is_plan: bool, lasts: bool) -> None:
        ref = f"pi_{name}"
        told = self._told_again(ref)
        if told is None:
            points = units * UNIT
            told = settled(
                self.workspace,
                ref=ref,
                kind=Payment.Kind.SUBSCRIPTION if is_plan else Payment.Kind.TOP_UP,
                amount_points=points,
                credit_points=points // 6 if is_plan else points,
                tax_points=points // 5,
                lines=[{"text": "Credits", "quantity": 1, "amount_points": points}],
                credits_expire_at=None if lasts else timezone.now() + timedelta(days=30),
            )
            self.worth += told.credit_points
        self._do(lambda: payments.settle(told), crash)

    def _told_again(self, ref: str) -> payments.Settled | None:
        known = Payment.objects.of(self.workspace.pk).filter(ref=ref).first()
        if known is None:
            return None
        return settled(
            self.workspace,
            ref=ref,
            kind=known.kind,
            amount_points=known.amount_points,
            credit_points=known.credit_points,
            tax_points=known.tax_points,
        )

    @rule(
        choice=NAMES,
        name=NAMES,
        share=st.integers(min_value=1, max_value=3),
        kind=st.sampled_from(["refund", "dispute", "reorg"]),
        is_in_effect=st.booleans(),
        crash=CRASH,
    )
    def goes_back(
        self, choice: int, name: int, share: int, kind: str, is_in_effect: bool, crash: int
    ) -> None:
        known = list(Payment.objects.of(self.workspace.pk).order_by("ref"))
        if not known:
            return
        payment = known[choice % len(known)]
        before = payment.clawed_points
        told = WentBack(
            kind=kind,
            ref=f"{kind}_{name}",
            amount_points=payment.total_points * share // 3,
            is_in_effect=is_in_effect,
        )
        self._do(lambda: payments.reverse(payment_id=payment.pk, went_back=told), crash)
        payment.refresh_from_db()
        self.worth -= payment.clawed_points - before

    @rule(crash=CRASH)
    def all_goes_back(self, crash: int) -> None:
        """Every payment is disputed: what was spent of them is owed, what is held comes back to that."""
        for payment in Payment.objects.of(self.workspace.pk).order_by("ref"):
            told = WentBack(
                kind="dispute",
                ref="dispute_all",
                amount_points=payment.total_points,
                is_in_effect=True,
            )
            before = payment.clawed_points
            self._do(lambda: payments.reverse(payment_id=payment.pk, went_back=told), crash)  # noqa: B023
            payment.refresh_from_db()
            self.worth -= payment.clawed_points - before

    @rule(choice=NAMES, crash=CRASH)
    def redeem(self, choice: int, crash: int) -> None:
        code = self.codes[choice % len(self.codes)]
        try:
            with mock.patch.object(redeeming.settings, "REDEEM_TRIES_PER_HOUR", 10_000):
                self._do(
                    lambda: codes.redeem(
                        workspace=self.workspace,
                        user=owner_of(self.workspace),
                        text=code,
                        ip="203.0.113.7",
                    ),
                    crash,
                )
        except codes.InvalidCode:
            assert RedeemCode.objects.across_workspaces().filter(redeemed_at__isnull=False).exists()
            return
        self.worth += 5 * UNIT

    @rule(units=st.integers(min_value=-30, max_value=5).filter(bool), crash=CRASH)
    def adjust(self, units: int, crash: int) -> None:
        asked, decides = self.operators
        try:
            made = self._do(
                lambda: adjustments.ask(
                    workspace_id=self.workspace.pk,
                    points=units * UNIT,
                    reason="test",
                    actor=asked,
                ),
                crash,
            )
        except DomainError:
            assert Wallet.objects.of(self.workspace.pk).get().available + units * UNIT < 0
            return
        if made.state == "asked":
            adjustments.refuse(adjustment_id=made.pk, actor=decides, note="test")
        else:
            self.worth += units * UNIT

    # -------------------------------------------------------------------------- time
    @rule(days=st.integers(min_value=1, max_value=40), crash=CRASH)
    def time_passes(self, days: int, crash: int) -> None:
        """Rows are moved into the past; then the jobs run that look after what is due."""
        for lot in CreditLot.objects.across_workspaces().filter(expires_at__isnull=False):
            CreditLot.objects.across_workspaces().filter(pk=lot.pk).update(
                expires_at=lot.expires_at - timedelta(days=days)
            )
        for reward in ReferralReward.objects.across_workspaces():
            ReferralReward.objects.across_workspaces().filter(pk=reward.pk).update(
                due_at=reward.due_at - timedelta(days=days)
            )
        before = self._expired()
        self._do(lots.expire_due, crash)
        self._do(rewards.grant_due, crash)
        self.worth -= self._expired() - before

    def _expired(self) -> int:
        lines = CreditEntry.objects.of(self.workspace.pk).filter(kind="EXPIRY")
        return -sum(line.available_delta for line in lines)

    @rule(crash=CRASH)
    def fold(self, crash: int) -> None:
        self._do(lots.fold_all, crash)

    # -------------------------------------------------------------------------- proof
    @invariant()
    def audit_finds_nothing(self) -> None:
        assert audit.differences() == []

    @invariant()
    def wallet_is_worth_what_happened(self) -> None:
        wallet = Wallet.objects.of(self.workspace.pk).get()
        assert wallet.available + wallet.held - wallet.debt == self.worth


def walk(*, walks: int, steps: int, phases: tuple[Phase, ...] = tuple(Phase)) -> int:
    """How many steps it took."""
    Money.steps = 0
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=walks,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Money.steps


@pytest.mark.django_db
def test_money_adds_up_after_every_step_of_every_walk():
    taken = 0
    while taken < 5_000:
        taken += walk(walks=50, steps=60)


# ------------------------------------------------------------------- does it find anything?
def _releasing_too(settle_many: Any) -> Any:
    def twice(settlements: Any) -> None:
        settle_many(settlements)
        captured = [one for one in settlements if one.cost]
        if captured:
            settle_many(
                [credits.Settlement(one.workspace_id, one.reference, None) for one in captured]
            )

    return twice


def _credited_again(payment: Payment, told: payments.Settled) -> None:
    movements.purchase(
        workspace_id=payment.workspace_id,
        points=told.credit_points,
        reference=f"payment:{payment.pk}:again",
    )


def _half(clawback: Callable[..., int]) -> Callable[..., int]:
    return lambda **facts: clawback(**facts) // 2


FAULTS: dict[str, Callable[[], Any]] = {
    "what was captured is released too": lambda: mock.patch.object(
        credits, "settle_many", _releasing_too(credits.settle_many)
    ),
    "half of what went back is taken": lambda: mock.patch.object(
        policies, "clawback", _half(policies.clawback)
    ),
    "what is released does not pay the debt": lambda: mock.patch.object(
        credits, "_repay", return_value=None
    ),
    "a payment told twice credits twice": lambda: mock.patch.object(
        payments, "_check_same", _credited_again
    ),
    "a reward stays when its payment goes": lambda: mock.patch.object(
        payments.referrals, "note_reversal", return_value=None
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_found(fault: str):
    with connection.cursor() as cursor:
        # The database would refuse the first of them by itself.
        cursor.execute("DROP INDEX credit_entry_settled_once")
        cursor.execute("ALTER TABLE billing_creditentry DISABLE TRIGGER settlement_fits_hold")

    with FAULTS[fault](), pytest.raises((AssertionError, Error)):
        walk(walks=200, steps=60, phases=(Phase.generate,))
