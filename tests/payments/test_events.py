"""Stripe's events: however often, in whatever order and however late they come, the end is the same."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.accounts.models import Workspace
from apps.billing.gateways import stripe as gateway
from apps.billing.models import InboundEvent, Payment, Provider, Reversal, TopUp
from apps.billing.services import card_payments, payments, topups
from apps.billing.services.inbox import catch_up, receive, work
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.payments.cards import (
    USD,
    balance,
    credited,
    paid,
    reversals,
    shuffled,
    start,
    states,
    tell,
    understand,
)
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db
MONEY_EVENTS = {"checkout.session.completed", "payment_intent.succeeded"}


def _story(workspace: Workspace, cards: StripeServer) -> dict[str, Any]:
    """A payment by a page, a refund that stays, one that fails, a dispute that is lost, one that is won."""
    refs = []
    for _ in range(3):
        top_up = start(workspace)
        refs.append(cards.pay(top_up.ref)["payment_intent"])
    cards.refund(refs[0], amount=500)
    failing = cards.refund(refs[0], amount=700)
    cards.fail_refund(failing["id"])
    lost, won = cards.dispute(refs[1]), cards.dispute(refs[2])
    cards.decide(lost["id"], "lost")
    cards.decide(won["id"], "won")
    return {"payments": refs}


# $1 there was, three times $20, less $5 refunded and $20 lost.
_END = (36 * USD, 0)
_REVERSALS = [
    ("dispute", 200_000_000, False),
    ("dispute", 200_000_000, True),
    ("refund", 50_000_000, True),
    ("refund", 70_000_000, False),
]


def _check_end(workspace: Workspace) -> None:
    assert balance(workspace) == _END
    assert sorted(credited(workspace)) == [200_000_000] * 3
    assert sorted(reversals(workspace)) == _REVERSALS
    assert set(InboundEvent.objects.values_list("state", flat=True)) <= {"done", "ignored"}


def test_events_in_order(workspace: Workspace, cards: StripeServer) -> None:
    _story(workspace, cards)

    for event in cards.events():
        tell([event])

    _check_end(workspace)


@pytest.mark.parametrize("seed", range(6))
def test_events_shuffled_and_three_times(
    workspace: Workspace, cards: StripeServer, seed: int
) -> None:
    _story(workspace, cards)

    for event in shuffled(cards.events() * 3, seed):
        receive.store(source=Provider.STRIPE, events=[gateway.event(event)])
    understand()

    _check_end(workspace)


@pytest.mark.parametrize(
    "kind",
    [
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    ],
)
def test_each_kind_alone_credits_and_takes_back_what_is_so_now(
    workspace: Workspace, cards: StripeServer, kind: str
) -> None:
    _story(workspace, cards)
    told = cards.events(kind)
    assert told

    tell(told)

    seen = {
        one["data"]["object"].get("payment_intent") or one["data"]["object"]["id"] for one in told
    }
    found = Payment.objects.of(workspace.pk)
    assert {one.ref for one in found} == seen
    takes_back = kind not in MONEY_EVENTS
    back = Reversal.objects.of(workspace.pk).values_list("payment__ref", flat=True)
    assert set(back) == (seen if takes_back else set())
    assert set(states().values()) == {"done"}


def test_events_weeks_late_end_the_same(workspace: Workspace, cards: StripeServer) -> None:
    story = _story(workspace, cards)
    for ref in story["payments"]:
        card_payments.bring_in_line(payment=card_payments.settled(ref=ref))
    before = balance(workspace)

    tell(cards.events())

    assert balance(workspace) == before
    _check_end(workspace)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_workers_landing_page_and_sweep_at_once_end_the_same(cards: StripeServer) -> None:
    workspace = WorkspaceFactory.create()
    _story(workspace, cards)
    receive.store(source=Provider.STRIPE, events=[gateway.event(one) for one in cards.events()])

    def land() -> None:
        for top_up in TopUp.objects.of(workspace.pk):
            topups.confirm(top_up=top_up)

    problems = at_once(understand, understand, understand, land, land, topups.sweep)
    understand()

    assert problems == []
    _check_end(workspace)


def test_older_answer_does_not_undo_a_newer_one(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We read the refund as it is; before we record it, it fails, and somebody else records that."""
    ref = paid(workspace, cards)
    refund = cards.refund(ref, amount=500)
    payment = Payment.objects.of(workspace.pk).get()
    real, calls = card_payments._recorded, []

    def overtaken(mine: Payment, told: list[payments.WentBack]) -> bool:
        calls.append(told[0].is_in_effect)
        if len(calls) == 1:
            cards.fail_refund(refund["id"])
            card_payments.bring_in_line(payment=Payment.objects.of(workspace.pk).get())
        return real(mine, told)

    monkeypatch.setattr(card_payments, "_recorded", overtaken)
    card_payments.bring_in_line(payment=payment)

    assert calls == [True, False, False]
    assert (reversals(workspace), balance(workspace)) == (
        [("refund", 50_000_000, False)],
        (21 * USD, 0),
    )


def test_one_object_is_asked_for_once_in_a_batch(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = paid(workspace, cards)
    for _ in range(4):
        cards.refund(ref, amount=100)
    asked: list[str] = []
    real = gateway.refunds
    monkeypatch.setattr(
        gateway, "refunds", lambda **which: asked.append(which["payment_ref"]) or real(**which)
    )

    tell(cards.events("charge.refunded", "refund.created", "refund.updated"))

    assert asked == [ref]
    assert balance(workspace) == (17 * USD, 0)


# ----------------------------------------------------------------------- what is not ours
def test_paid_page_nobody_asked_for_is_unmatched(workspace: Workspace, cards: StripeServer) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).delete()

    tell(cards.events("checkout.session.completed", "payment_intent.succeeded"))

    assert states() == {
        "checkout.session.completed": "unmatched",
        "payment_intent.succeeded": "unmatched",
    }
    assert credited(workspace) == []


def test_refund_of_a_payment_nobody_knows_is_unmatched(
    workspace: Workspace, cards: StripeServer
) -> None:
    client = cards.client()
    intent = client.v1.payment_intents.create(
        {
            "amount": 2000,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    cards.refund(intent.id)

    tell(cards.events())

    assert {
        state for kind, state in states().items() if kind.startswith(("refund.", "charge.ref"))
    } == {"unmatched"}
    assert not Payment.objects.of(workspace.pk).exists()


def test_events_of_no_interest_are_ignored(workspace: Workspace, cards: StripeServer) -> None:
    top_up = start(workspace)
    cards.expire(top_up.ref)

    tell(cards.events())

    assert states()["customer.created"] == "ignored"
    assert states()["checkout.session.expired"] == "done"
    assert TopUp.objects.of(workspace.pk).get().state == "expired"


def test_object_the_account_does_not_have_is_unmatched(cards: StripeServer) -> None:
    event = _event("payment_intent.succeeded", {"id": "pi_elsewhere", "object": "payment_intent"})

    tell([event])

    assert states() == {"payment_intent.succeeded": "unmatched"}


def _event(kind: str, about: dict[str, Any], name: str = "evt_1") -> dict[str, Any]:
    return {
        "id": name,
        "object": "event",
        "type": kind,
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": about},
    }


# ------------------------------------------------------------------------ trouble on the way
def test_silent_stripe_makes_events_wait_and_costs_the_others_no_try(
    workspace: Workspace, cards: StripeServer
) -> None:
    for _ in range(2):
        cards.pay(start(workspace).ref)
    receive.store(
        source=Provider.STRIPE,
        events=[gateway.event(one) for one in cards.events("checkout.session.completed")],
    )
    cards.fault("GET /v1/checkout/sessions", "500", times=3, after=False)

    assert work.work() is False

    found = list(InboundEvent.objects.order_by("id"))
    assert [(one.state, one.attempts) for one in found] == [("waiting", 1), ("waiting", 0)]
    assert found[0].next_at is not None
    assert found[0].next_at > timezone.now()
    InboundEvent.objects.update(next_at=timezone.now())
    understand()
    assert credited(workspace) == [200_000_000] * 2


def test_event_fails_after_three_days_of_tries(cards: StripeServer) -> None:
    whole = sum((work.delay(n) for n in range(1, work.MAX_ATTEMPTS)), timedelta())
    assert timedelta(days=2.9) < whole < timedelta(days=3.1)
    receive.store(
        source=Provider.STRIPE,
        events=[gateway.event(_event("payment_intent.succeeded", {"id": "pi_x"}))],
    )
    InboundEvent.objects.update(attempts=work.MAX_ATTEMPTS - 1)
    cards.fault("GET /v1/payment_intents", "500", times=3, after=False)

    work.work()

    event = InboundEvent.objects.get()
    assert (event.state, event.next_at, event.error) == (
        "failed",
        None,
        "Stripe does not answer now.",
    )


def test_crash_after_the_claim_is_claimed_again(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards.pay(start(workspace).ref)
    receive.store(
        source=Provider.STRIPE,
        events=[gateway.event(one) for one in cards.events("checkout.session.completed")],
    )

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(work, "_end", die)
        with pytest.raises(SystemExit):
            work.work()
    assert InboundEvent.objects.get().state == "waiting"
    InboundEvent.objects.update(next_at=timezone.now())
    understand()

    assert (states(), credited(workspace)) == (
        {"checkout.session.completed": "done"},
        [200_000_000],
    )


@pytest.mark.parametrize(
    "step", ["apps.billing.services.payments._credit", "apps.billing.services.invoices.issue"]
)
def test_fault_inside_the_credit_leaves_nothing_half_done(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    cards.pay(start(workspace).ref)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        receive.store(
            source=Provider.STRIPE,
            events=[gateway.event(one) for one in cards.events("checkout.session.completed")],
        )
        work.work()
    assert (Payment.objects.of(workspace.pk).count(), credited(workspace)) == (0, [])
    assert InboundEvent.objects.get().error == "RuntimeError"

    InboundEvent.objects.update(next_at=timezone.now())
    understand()
    assert credited(workspace) == [200_000_000]


# --------------------------------------------------------------------------------- the poller
def test_events_that_never_came_are_asked_for(workspace: Workspace, cards: StripeServer) -> None:
    cards.pay(start(workspace).ref)
    known = gateway.event(cards.events("payment_intent.succeeded")[0])
    receive.store(source=Provider.STRIPE, events=[known])

    assert catch_up.catch_up() == len(cards.events()) - 1
    assert catch_up.catch_up() == 0
    understand()

    assert credited(workspace) == [200_000_000]


# ------------------------------------------------------------------------------- the endpoint
@pytest.fixture
def event(workspace: Workspace, cards: StripeServer) -> dict[str, Any]:
    cards.pay(start(workspace).ref)
    return cards.events("checkout.session.completed")[0]


def post(body: bytes, signature: str) -> int:
    answer = Client().post(
        "/hooks/stripe",
        body,
        content_type="application/json",
        headers={"stripe-signature": signature},
    )
    return answer.status_code


def test_signed_event_is_kept_once(cards: StripeServer, event: dict[str, Any]) -> None:
    answers = [post(*cards.signed(event)) for _ in range(3)]

    kept = InboundEvent.objects.get()
    assert answers == [200, 200, 200]
    assert (kept.event_id, kept.kind, kept.state) == (event["id"], event["type"], "waiting")


@pytest.mark.parametrize("offset", [-3600, -301, 310, 600, 10**9])
def test_signature_of_another_time_is_refused(
    cards: StripeServer, event: dict[str, Any], offset: int
) -> None:
    at = int(timezone.now().timestamp()) + offset

    assert post(*cards.signed(event, at=at)) == 400
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("offset", [-290, 290])
def test_clocks_may_differ_a_little(
    cards: StripeServer, event: dict[str, Any], offset: int
) -> None:
    assert post(*cards.signed(event, at=int(timezone.now().timestamp()) + offset)) == 200


def test_forged_edited_and_cut_events_are_refused(
    cards: StripeServer, event: dict[str, Any]
) -> None:
    body, signature = cards.signed(event)

    answers = [
        post(*cards.signed(event, secret="whsec_other")),
        post(body.replace(b"2000", b"9000"), signature),
        post(body[:-10], signature),
        post(b"", signature),
        *[post(body, header) for header in _BAD_HEADERS],
    ]

    assert answers == [400] * len(answers)
    assert not InboundEvent.objects.exists()


_BAD_HEADERS = (
    "", "t=", "t=x,v1=y", "v1=abc", "t=1", "t=1,v1=", "t=99999999999999999999,v1=a", "t=-5,v1=a", "t=١,v1=a",
    "t=1790000000,v0=abc", "t=1790000000,v1=é", ",,,=,=", "t" * 5000,
)  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"null", b"[]", b"{}", b"1", b'"x"', b"not json", b"\xff\xfe", b'{"id":1,"type":2}', b"[" * 5000,
        b'{"id":"e","type":"t","created":"x","data":{"object":{}}}', b'{"id":"e","type":"t","data":[]}',
        b'{"id":"e","type":"t","created":1,"data":{"object":{"id":"a\\u0000b"}}}',
        b'{"id":"e","type":"t","created":99999999999999999999,"data":{"object":{}}}',
        b'{"id":"e","type":"t","created":99999999999999,"data":{"object":{}}}',
        b'{"id":"' + b"e" * 300 + b'","type":"t","created":1,"data":{"object":{}}}',
    ],
)  # fmt: skip
def test_signed_nonsense_is_refused(cards: StripeServer, body: bytes) -> None:
    import stripe

    text = body.decode("utf-8", errors="replace")
    signature = stripe.WebhookSignature.generate_signature_header(text, cards.webhook_secret)

    assert post(body, signature) == 400
    assert not InboundEvent.objects.exists()


def test_large_body_is_refused(cards: StripeServer) -> None:
    assert post(b"x" * (1024 * 1024 + 1), "t=1,v1=a") == 413


def test_live_event_is_nothing_for_a_test_key(cards: StripeServer, event: dict[str, Any]) -> None:
    assert post(*cards.signed(event | {"livemode": True})) == 400


@pytest.mark.parametrize("secret", ["", " "])
def test_without_a_secret_there_is_no_endpoint(
    cards: StripeServer, event: dict[str, Any], settings: Any, secret: str
) -> None:
    settings.STRIPE_WEBHOOK_SECRET = secret.strip()

    assert post(*cards.signed(event, secret=secret)) == 404
    assert not InboundEvent.objects.exists()


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_same_event_at_once_is_kept_once(cards: StripeServer) -> None:
    workspace = WorkspaceFactory.create()
    cards.pay(start(workspace).ref)
    signed = cards.signed(cards.events("checkout.session.completed")[0])
    answers: list[int] = []
    lock = threading.Lock()

    def send() -> None:
        answer = post(*signed)
        with lock:
            answers.append(answer)

    assert at_once(*[send] * 10) == []
    understand()

    assert (answers, InboundEvent.objects.count()) == ([200] * 10, 1)
    assert credited(workspace) == [200_000_000]


# -------------------------------------------------------------------------------- property
STEPS = st.lists(
    st.sampled_from(["refund", "fail", "dispute", "win", "lose", "tell", "late"]), max_size=12
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, seed=st.integers(0, 1000))
def test_any_interleaving_ends_as_stripe_has_it(
    cards: StripeServer, steps: list[str], seed: int
) -> None:
    workspace = WorkspaceFactory.create(points=0)
    ref = cards.pay(start(workspace).ref)["payment_intent"]
    world = _World(cards, ref)
    for step in steps:
        world.do(step, seed)
    tell(shuffled(cards.events(), seed))

    client = cards.client()
    refunded = [
        one.amount
        for one in client.v1.refunds.list({"payment_intent": ref}).data
        if one.status not in {"failed", "canceled"}
    ]
    disputed = [
        one.amount
        for one in client.v1.disputes.list({"payment_intent": ref}).data
        if sum(moved.amount for moved in one.balance_transactions) < 0
    ]
    gone = min(2000, sum(refunded) + sum(disputed))
    assert balance(workspace) == ((2000 - gone) * gateway.CENT, 0)
    assert credited(workspace) == [200_000_000]


class _World:
    """What people and banks do to one payment; a step that makes no sense is skipped."""

    def __init__(self, cards: StripeServer, ref: str) -> None:
        self.cards, self.ref = cards, ref
        self.refunds: list[str] = []
        self.disputes: list[str] = []

    def do(self, step: str, seed: int) -> None:
        if step == "tell":
            tell(self.cards.events()[-3:])
        elif step == "late":
            tell(shuffled(self.cards.events(), seed)[:2])
        elif step == "refund" and not self.disputes and len(self.refunds) < 4:
            self.refunds.append(self.cards.refund(self.ref, amount=400)["id"])
        elif step == "fail" and self.refunds:
            self.cards.fail_refund(self.refunds.pop())
        elif step == "dispute" and not self.disputes:
            self.disputes.append(self.cards.dispute(self.ref)["id"])
        elif step in {"win", "lose"} and len(self.disputes) == 1:
            self.cards.decide(self.disputes[0], "won" if step == "win" else "lost")
            self.disputes.append("decided")
