"""Corrections by hand: small ones alone, large ones by two people, and never below zero."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import AuditEvent, User, Workspace
from apps.billing import selectors as billing
from apps.billing.models import AdjustmentRequest, CreditEntry, CreditLot
from apps.billing.selectors.gifts import gift_faults
from apps.billing.services import adjustments, movements
from apps.core.errors import DomainError, InvalidRequest, NotFound
from tests.byoa.threads import at_once
from tests.factories import UserFactory, WorkspaceFactory
from tests.factories.gifts import lines, operator

DOLLAR = 10_000_000
State = AdjustmentRequest.State


def ask(workspace: Workspace, dollars: int, actor: User, **more: Any) -> AdjustmentRequest:
    return adjustments.ask(
        workspace_id=workspace.pk,
        points=dollars * DOLLAR,
        actor=actor,
        **{"reason": "Outage of 3 May", **more},
    )


def refused(step: Any) -> str:
    with pytest.raises(DomainError) as error:
        step()
    return f"{error.value.type}: {error.value.message}"


@pytest.fixture
def staff(db: None) -> User:
    return operator()


def test_small_correction_is_done_at_once(workspace: Workspace, staff: User) -> None:
    done = ask(workspace, 20, staff, evidence="ticket 7", credits_last_days=90)

    entry = CreditEntry.objects.of(workspace.pk).get(reference=f"adjustment:{done.pk}")
    lot = CreditLot.objects.of(workspace.pk).get(entry=entry)
    event = AuditEvent.objects.of(workspace.pk).latest("pk")
    assert (done.state, done.decided_by, done.evidence) == (State.DONE, staff, "ticket 7")
    assert (entry.kind, entry.available_delta, entry.note, entry.actor) == (
        "ADJUSTMENT",
        20 * DOLLAR,
        "Outage of 3 May",
        staff,
    )
    assert lot.expires_at is not None
    assert timedelta(days=89) < lot.expires_at - datetime.now(UTC) < timedelta(days=91)
    assert (event.action, event.target, event.actor) == (
        "adjustment.done",
        f"adjustment:{done.pk}",
        staff,
    )
    assert list(gift_faults()) == []


def test_large_correction_waits_for_another_person(workspace: Workspace, staff: User) -> None:
    asked = ask(workspace, 21, staff)

    own = refused(lambda: adjustments.approve(adjustment_id=asked.pk, actor=staff))
    customer = refused(
        lambda: adjustments.approve(adjustment_id=asked.pk, actor=UserFactory.create())
    )
    before = lines(workspace.pk, "adjustment")
    second = operator()
    done = adjustments.approve(adjustment_id=asked.pk, actor=second)

    assert own == "scope_denied: A second person must approve it."
    assert customer == "scope_denied: Only operators correct balances."
    assert (asked.state, before) == (State.ASKED, [])
    assert (done.state, done.asked_by, done.decided_by) == (State.DONE, staff, second)
    assert lines(workspace.pk, "adjustment") == [("ADJUSTMENT", 21 * DOLLAR, 0)]
    again = refused(lambda: adjustments.approve(adjustment_id=asked.pk, actor=operator()))
    assert again == "invalid_request: It was decided before: done."


def test_splitting_a_correction_does_not_make_it_small(workspace: Workspace, staff: User) -> None:
    """Up and down count alike, by person, workspace and day; what a second person approved does not."""
    movements.purchase(workspace_id=workspace.pk, points=100 * DOLLAR, reference="payment:x")
    approved = ask(workspace, 50, staff)
    adjustments.approve(adjustment_id=approved.pk, actor=operator())
    states = [ask(workspace, dollars, staff).state for dollars in (12, -8, 1)]
    elsewhere = ask(WorkspaceFactory.create(), 20, staff)
    other = ask(workspace, 20, operator())

    assert states == [State.DONE, State.DONE, State.ASKED]
    assert (elsewhere.state, other.state) == (State.DONE, State.DONE)
    AdjustmentRequest.objects.of(workspace.pk).update(decided_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert ask(workspace, 20, staff).state == State.DONE


def test_balance_never_falls_below_zero(workspace: Workspace, staff: User) -> None:
    small = refused(lambda: ask(workspace, -2, staff))
    asked = ask(workspace, -30, staff)
    large = refused(lambda: adjustments.approve(adjustment_id=asked.pk, actor=operator()))

    asked.refresh_from_db()
    assert small == large == "invalid_request: The balance would fall below zero."
    assert (asked.state, AdjustmentRequest.objects.of(workspace.pk).count()) == (State.ASKED, 1)
    assert billing.wallet(workspace_id=workspace.pk).available == DOLLAR


def test_refused_correction_moves_nothing(workspace: Workspace, staff: User) -> None:
    asked = ask(workspace, 30, staff)
    silent = refused(lambda: adjustments.refuse(adjustment_id=asked.pk, actor=operator(), note=" "))
    adjustments.refuse(adjustment_id=asked.pk, actor=operator(), note="Not ours to pay")

    asked.refresh_from_db()
    late = refused(lambda: adjustments.approve(adjustment_id=asked.pk, actor=operator()))
    assert (asked.state, asked.decision_note) == (State.REFUSED, "Not ours to pay")
    assert (silent, late) == (
        "invalid_request: note: Say why.",
        "invalid_request: It was decided before: refused.",
    )
    assert lines(workspace.pk, "adjustment") == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"points": 0}, "points"),
        ({"points": 10**13}, "points"),
        ({"credits_last_days": 0}, "credits_last_days"),
        ({"points": -1, "credits_last_days": 5}, "credits_last_days"),
    ],
)
def test_correction_that_makes_no_sense_is_refused(
    workspace: Workspace, staff: User, wrong: dict[str, Any], field: str
) -> None:
    given: dict[str, Any] = {"points": DOLLAR, "reason": "Outage", **wrong}

    with pytest.raises(InvalidRequest) as error:
        adjustments.ask(workspace_id=workspace.pk, actor=staff, **given)

    assert error.value.detail == {"field": field}


def test_what_is_not_there_is_not_found(workspace: Workspace, staff: User) -> None:
    with pytest.raises(NotFound):
        adjustments.approve(adjustment_id=uuid.uuid4(), actor=staff)
    with pytest.raises(NotFound):
        adjustments.ask(workspace_id=0, points=1, reason="a", actor=staff)


def test_customer_corrects_nothing(workspace: Workspace) -> None:
    assert refused(lambda: ask(workspace, 1, UserFactory.create())).startswith("scope_denied")


def test_crash_before_the_credits_leaves_no_trace(
    workspace: Workspace, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(movements, "adjust", broken)
        with pytest.raises(OSError, match="gone"):
            ask(workspace, 5, staff)

    assert AdjustmentRequest.objects.of(workspace.pk).count() == 0
    assert ask(workspace, 20, staff).state == State.DONE


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_ten_corrections_at_once_do_not_pass_the_limit() -> None:
    space, staff = WorkspaceFactory.create(), operator()

    assert at_once(*[lambda: ask(space, 5, staff)] * 10) == []

    states = list(AdjustmentRequest.objects.of(space.pk).values_list("state", flat=True))
    assert (states.count("done"), states.count("asked")) == (4, 6)
    assert lines(space.pk, "adjustment") == [("ADJUSTMENT", 5 * DOLLAR, 0)] * 4


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_people_who_approve_at_once_do_it_once() -> None:
    space, staff, others = WorkspaceFactory.create(), operator(), [operator(), operator()]
    asked = ask(space, 50, staff)

    problems = at_once(
        *(
            lambda other=other: adjustments.approve(adjustment_id=asked.pk, actor=other)
            for other in others
        )
    )

    assert [str(one) for one in problems] == ["It was decided before: done."]
    assert lines(space.pk, "adjustment") == [("ADJUSTMENT", 50 * DOLLAR, 0)]
    assert list(gift_faults()) == []
