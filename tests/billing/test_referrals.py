"""Referrals: rewards once, late and only for real people; and back when the money goes back."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import PlanVersion, Workspace
from apps.billing import selectors as billing
from apps.billing.models import Payment, Referral, ReferralCode, ReferralReward, Reversal
from apps.billing.selectors import referrals as read
from apps.billing.selectors.gifts import gift_faults
from apps.billing.services import movements, payments
from apps.billing.services.referrals import attribution, reviews, rewards, signs, touches
from apps.core.errors import InvalidRequest
from tests.byoa.threads import at_once
from tests.factories import UserFactory, WorkspaceFactory, owner_of
from tests.factories.billing import payment
from tests.factories.gifts import confirm, invited, lines, operator

HUNDRED, SEVEN_HUNDRED, FOURTEEN_HUNDRED = 1_428_571, 10_000_000, 20_000_000


def states(workspace: Workspace | int) -> list[tuple[str, str, str]]:
    """Rule, state and reason of the rewards of a workspace."""
    pk = workspace if isinstance(workspace, int) else workspace.pk
    found = ReferralReward.objects.of(pk).order_by("pk")
    return list(found.values_list("rule", "state", "reason"))


def time_passes(days: int = 15) -> None:
    waiting = ReferralReward.objects.across_workspaces().filter(state="waiting")
    waiting.update(due_at=F("due_at") - timedelta(days=days))


def paid(referral: Referral, **facts: Any) -> Payment:
    return payment(referral.invitee_workspace, **facts)


def goes_back(made: Payment, points: int, *, kind: str = "refund", in_effect: bool = True) -> None:
    payments.reverse(
        payment_id=made.pk, went_back=payments.WentBack(kind, "re_1", points, in_effect)
    )


@pytest.fixture
def referrer(db: None) -> Workspace:
    return WorkspaceFactory.create(points=0)


# -------------------------------------------------------------------------------- sign-up
def test_sign_up_rewards_both_once_the_address_is_confirmed(referrer: Workspace) -> None:
    referral = invited(referrer, email="bea@example.org", confirmed=False)
    before = rewards.grant_due()
    confirm(referral.invitee)

    given = [rewards.grant_due(), rewards.grant_due()]

    assert (before, given) == (0, [2, 0])
    assert lines(referrer.pk, "reward") == [("GRANT", HUNDRED, 0)]
    assert lines(referral.invitee_workspace_id, "reward") == [("GRANT", HUNDRED, 0)]
    assert list(gift_faults()) == []


def test_referrer_is_rewarded_up_to_the_plans_cap_and_invitees_always(referrer: Workspace) -> None:
    PlanVersion.objects.create(
        plan=referrer.plan, version=1, price_points=0, share=1, concurrent_tasks=1,
        retention_days=1, referral_cap=2,
    )  # fmt: skip
    invitees = [invited(referrer, email=f"p{n}@site{n}.example") for n in range(3)]

    rewards.grant_due()

    assert states(referrer) == [
        ("sign_up", "granted", ""),
        ("sign_up", "granted", ""),
        ("sign_up", "refused", "Your plan rewards no more sign-ups."),
    ]
    assert [states(one.invitee_workspace_id) for one in invitees] == [
        [("sign_up", "granted", "")]
    ] * 3


def test_rule_of_nothing_opens_no_reward(referrer: Workspace, settings: Any) -> None:
    settings.REFERRAL_SIGN_UP_CREDITS = settings.REFERRAL_FIRST_TOP_UP_CREDITS = 0

    paid(invited(referrer, email="bea@example.org"))

    assert states(referrer) == []


def test_suspended_people_and_workspaces_get_nothing(referrer: Workspace) -> None:
    gone = invited(referrer, email="bea@example.org")
    gone.invitee.is_active = False
    gone.invitee.save()
    other = invited(referrer, email="cem@example.net")
    Workspace.objects.filter(pk=other.invitee_workspace_id).update(is_enabled=False)

    assert rewards.grant_due() == 1
    assert sum(state == "granted" for _, state, _ in states(referrer)) == 1


# ------------------------------------------------------------------------------- payments
def test_first_top_up_and_first_subscription_are_rewarded_after_the_hold(
    referrer: Workspace, settings: Any
) -> None:
    settings.REFERRAL_SIGN_UP_CREDITS = 0
    referral = invited(referrer, email="bea@example.org")
    for kind in ("top_up", "top_up", "subscription", "subscription"):
        paid(referral, kind=kind, credit_points=0 if kind == "subscription" else 1)

    early = rewards.grant_due()
    time_passes(13)
    still_early = rewards.grant_due()
    time_passes(1)

    assert (early, still_early, rewards.grant_due(), rewards.grant_due()) == (0, 0, 2, 0)
    assert sorted(lines(referrer.pk, "reward")) == [
        ("GRANT", SEVEN_HUNDRED, 0),
        ("GRANT", FOURTEEN_HUNDRED, 0),
    ]
    assert list(gift_faults()) == []


@pytest.mark.parametrize("provider", ["stripe", "evm", "btcpay"])
def test_payment_by_any_provider_is_rewarded(referrer: Workspace, provider: str) -> None:
    paid(invited(referrer, email="bea@example.org"), provider=provider, is_test=True)

    assert ("first_top_up", "waiting", "") in states(referrer)


def test_payment_of_nothing_and_of_somebody_nobody_brought_is_not_rewarded(
    referrer: Workspace,
) -> None:
    referral = invited(referrer, email="bea@example.org")
    paid(referral, amount_points=0, credit_points=0)
    payment(WorkspaceFactory.create())

    assert [rule for rule, _, _ in states(referrer)] == ["sign_up"]


def test_settled_twice_is_rewarded_once(referrer: Workspace) -> None:
    referral = invited(referrer, email="bea@example.org")
    for _ in range(2):
        paid(referral, ref="pi_same")

    time_passes()
    rewards.grant_due()

    assert lines(referrer.pk, "reward").count(("GRANT", SEVEN_HUNDRED, 0)) == 1


# ------------------------------------------------------------------- money that goes back
def test_refund_before_the_reward_refuses_it(referrer: Workspace) -> None:
    made = paid(invited(referrer, email="bea@example.org"))

    goes_back(made, made.total_points)
    time_passes()
    rewards.grant_due()

    assert ("first_top_up", "refused", "The payment went back.") in states(referrer)
    assert lines(referrer.pk, "reward") == [("GRANT", HUNDRED, 0)]


def test_refund_after_the_reward_takes_it_back(referrer: Workspace) -> None:
    made = paid(invited(referrer, email="bea@example.org"))
    time_passes()
    rewards.grant_due()
    held = billing.wallet(workspace_id=referrer.pk).available

    goes_back(made, made.total_points)
    goes_back(made, made.total_points)

    assert (held, billing.wallet(workspace_id=referrer.pk).available) == (
        HUNDRED + SEVEN_HUNDRED,
        HUNDRED,
    )
    assert ("first_top_up", "reversed", "The payment went back.") in states(referrer)
    assert list(gift_faults()) == []


def test_dispute_after_the_reward_was_spent_leaves_a_debt(referrer: Workspace) -> None:
    referral = invited(referrer, email="bea@example.org")
    made = paid(referral)
    time_passes()
    rewards.grant_due()
    for space in (referrer.pk, referral.invitee_workspace_id):
        movements.adjust(
            workspace_id=space,
            points=-billing.wallet(workspace_id=space).available,
            reference="spent",
            note="All of it",
            actor=None,
        )

    goes_back(made, made.total_points, kind="dispute")

    both = [billing.wallet(workspace_id=pk) for pk in (referrer.pk, referral.invitee_workspace_id)]
    assert [(one.available, one.debt) for one in both] == [
        (0, SEVEN_HUNDRED),
        (0, made.credit_points),
    ]
    assert list(gift_faults()) == []


@pytest.mark.parametrize(("share", "state"), [(49, "waiting"), (50, "refused"), (100, "refused")])
def test_reward_falls_when_half_of_the_payment_went_back(
    referrer: Workspace, share: int, state: str
) -> None:
    made = paid(invited(referrer, email="bea@example.org"), tax_points=10_000_000)

    goes_back(made, made.total_points * share // 100)

    assert states(referrer)[-1][:2] == ("first_top_up", state)


def test_dispute_that_was_won_lets_a_refused_reward_wait_anew(referrer: Workspace) -> None:
    made = paid(invited(referrer, email="bea@example.org"))
    goes_back(made, made.total_points, kind="dispute")

    goes_back(made, made.total_points, kind="dispute", in_effect=False)
    time_passes()
    rewards.grant_due()

    assert ("GRANT", SEVEN_HUNDRED, 0) in lines(referrer.pk, "reward")


def test_dispute_that_was_won_does_not_bring_a_granted_reward_again(referrer: Workspace) -> None:
    made = paid(invited(referrer, email="bea@example.org"))
    time_passes()
    rewards.grant_due()
    goes_back(made, made.total_points, kind="dispute")

    goes_back(made, made.total_points, kind="dispute", in_effect=False)
    time_passes()
    rewards.grant_due()

    assert states(referrer)[-1][:2] == ("first_top_up", "reversed")
    assert list(gift_faults()) == []


def test_second_top_up_does_not_bring_the_reward_of_a_refunded_first(referrer: Workspace) -> None:
    referral = invited(referrer, email="bea@example.org")
    made = paid(referral)
    goes_back(made, made.total_points)
    paid(referral)
    time_passes()
    rewards.grant_due()

    assert states(referrer)[-1] == ("first_top_up", "refused", "The payment went back.")


# ----------------------------------------------------------------------------- attribution
def attribute(by: Workspace, email: str, **seen: Any) -> Referral | None:
    code = attribution.code_of(user=owner_of(by))
    home = WorkspaceFactory.create(owner=UserFactory.create(email=email), points=0)
    given = {"touches": [touches.Touch(code.code, timezone.now())], "ip": "", "device": None}
    return attribution.attribute(invitee=owner_of(home), workspace=home, **{**given, **seen})


def test_nobody_invites_themself_in_another_spelling(db: None) -> None:
    by = WorkspaceFactory.create(owner=UserFactory.create(email="Ana.Lopez+a@gmail.com"))

    found = [
        attribute(by, email)
        for email in ("analopez@gmail.com", "ana.lopez+b@googlemail.com", "a.n.a.lopez@gmail.com")
    ]

    assert (found, Referral.objects.across_workspaces().count()) == ([None] * 3, 0)


def test_link_that_nobody_has_brings_nobody(referrer: Workspace) -> None:
    unknown = touches.Touch("zzzzzzzz", timezone.now())
    code = attribution.code_of(user=owner_of(referrer)).code
    known = touches.Touch(code, timezone.now())

    assert attribute(referrer, "bea@example.org", touches=[unknown]) is None
    assert attribute(referrer, "cem@example.org", touches=[]) is None
    found = attribute(referrer, "dan@example.org", touches=[unknown, known])
    assert found is not None


def test_first_link_counts(referrer: Workspace) -> None:
    other = WorkspaceFactory.create()
    now = timezone.now()
    seen = [
        touches.Touch(attribution.code_of(user=owner_of(one)).code, now)
        for one in (referrer, other)
    ]

    found = attribute(other, "bea@example.org", touches=seen)

    assert found is not None
    assert (found.workspace, found.referrer) == (referrer, owner_of(referrer))


def test_rewards_go_to_the_first_workspace_a_person_owns(referrer: Workspace) -> None:
    owner = owner_of(referrer)
    WorkspaceFactory.create(owner=owner)

    assert attribution.reward_workspace(user=owner) == referrer
    assert attribution.reward_workspace(user=UserFactory.create()) is None


# ----------------------------------------------------------------------------------- signs
@pytest.mark.parametrize(
    ("email", "known_as"),
    [
        ("A.b.C+x@GMail.com", "abc@gmail.com"),
        ("abc@googlemail.com", "abc@gmail.com"),
        ("a.b+c@example.org", "a.b@example.org"),
    ],
)
def test_mailbox_is_known_under_one_address(email: str, known_as: str) -> None:
    assert signs.mailbox(email) == known_as


@pytest.mark.parametrize(
    ("email", "flag"),
    [
        ("a@mailinator.com", True),
        ("a@b.Mailinator.com", True),
        ("a@example.org", False),
        ("", False),
    ],
)
def test_throw_away_domains_are_known(email: str, flag: bool) -> None:
    assert signs.is_disposable(email) is flag


def test_hashes_are_of_networks_and_tell_kinds_apart() -> None:
    assert signs.address_hash("203.0.113.1") == signs.address_hash("203.0.113.200")
    assert signs.address_hash("203.0.113.1") != signs.address_hash("203.0.114.1")
    assert signs.address_hash("2001:db8::1") == signs.address_hash("2001:db8::ffff")
    assert signs.address_hash("nonsense") is None
    assert signs.device_hash("203.0.113.0/24") != signs.address_hash("203.0.113.1")


@pytest.mark.parametrize(
    ("second", "flags"),
    [
        ({"email": "bea+2@example.org"}, ["same_mail"]),
        ({"email": "x@mailinator.com"}, ["disposable_mail"]),
        ({"email": "cem@example.net", "ip": "203.0.113.77"}, ["same_address"]),
        ({"email": "cem@example.net", "device": "d" * 22}, ["same_device"]),
        ({"email": "cem@example.net", "ip": "198.51.100.7", "device": "e" * 22}, []),
    ],
)
def test_what_looks_wrong_is_flagged_and_earns_nothing(
    referrer: Workspace, second: dict[str, Any], flags: list[str]
) -> None:
    invited(referrer, email="bea@example.org", ip="203.0.113.5", device="d" * 22)

    referral = invited(referrer, **second)
    rewards.grant_due()

    given = [line[0] for line in lines(referral.invitee_workspace_id, "reward")]
    assert (referral.flags, referral.review) == (flags, "waiting" if flags else "none")
    assert given == ([] if flags else ["GRANT"])


def test_sign_up_from_where_the_referrer_looked_at_the_link_is_flagged(referrer: Workspace) -> None:
    owner = owner_of(referrer)
    for turn in range(12):
        attribution.note_place(user=owner, ip=f"203.0.{turn}.5", device=f"{turn:022}")

    flags = [
        invited(referrer, email="a@a.example", ip="203.0.11.9").flags,
        invited(referrer, email="b@b.example", device=f"{10:022}").flags,
        invited(referrer, email="c@c.example", ip="203.0.0.9").flags,
    ]

    # The newest places are kept, the oldest are not.
    assert flags == [["same_address"], ["same_device"], []]
    assert len(ReferralCode.objects.get(user=owner).places) == 20


def test_ring_of_five_earns_nothing(referrer: Workspace) -> None:
    """One person, five accounts in a chain, one browser, one card; each invites the next."""
    attribution.note_place(user=owner_of(referrer), ip="203.0.113.1", device="r" * 22)
    last, ring = referrer, []
    for turn in range(5):
        referral = invited(
            last, email=f"x{turn}@ring{turn}.example", ip=f"203.0.113.{turn}", device="r" * 22
        )
        paid(referral, card_fingerprint="fp_one")
        ring.append(referral)
        last = referral.invitee_workspace
    time_passes()

    assert rewards.grant_due() == 0
    assert [one.flags for one in ring] == [["same_address", "same_device"]] * 5
    for one in ring:
        one.refresh_from_db()
    assert ["same_card" in one.flags for one in ring] == [False, True, True, True, True]


def test_card_of_another_invitee_stops_what_is_to_come(referrer: Workspace) -> None:
    first = invited(referrer, email="a@a.example")
    second = invited(referrer, email="b@b.example")
    paid(first, card_fingerprint="fp_one")
    paid(second, card_fingerprint="fp_one")
    time_passes()

    rewards.grant_due()

    second.refresh_from_db()
    first.refresh_from_db()
    assert (first.review, second.review, second.flags) == ("none", "waiting", ["same_card"])
    granted = ReferralReward.objects.of(referrer.pk).filter(state="granted")
    assert set(granted.values_list("referral", flat=True)) == {first.pk}


def test_referrer_who_pays_with_the_invitees_card_is_found(referrer: Workspace) -> None:
    referral = invited(referrer, email="a@a.example")
    paid(referral, card_fingerprint="fp_one")
    reviews.clear(invitee_id=referral.pk, actor=operator(), reason="Looked fine")

    payment(referrer, card_fingerprint="fp_one")

    referral.refresh_from_db()
    assert (referral.review, referral.flags) == ("waiting", ["same_card"])


def test_card_shared_with_strangers_is_no_sign(referrer: Workspace) -> None:
    payment(WorkspaceFactory.create(), card_fingerprint="fp_company")
    referral = invited(referrer, email="a@a.example")

    paid(referral, card_fingerprint="fp_company")

    referral.refresh_from_db()
    assert (referral.review, referral.flags) == ("none", [])


# --------------------------------------------------------------------------------- reviews
def test_cleared_referral_earns_what_waited(referrer: Workspace) -> None:
    referral = invited(referrer, email="x@mailinator.com")
    staff = operator()

    reviews.clear(invitee_id=referral.pk, actor=staff, reason="Known to us")

    referral.refresh_from_db()
    assert (referral.review, referral.reviewed_by, referral.review_note, rewards.grant_due()) == (
        "cleared",
        staff,
        "Known to us",
        2,
    )


def test_refused_referral_loses_what_it_earned_and_earns_no_more(referrer: Workspace) -> None:
    referral = invited(referrer, email="a@a.example")
    rewards.grant_due()
    paid(referral)

    reviews.refuse(invitee_id=referral.pk, actor=operator(), reason="Same person")
    reviews.refuse(invitee_id=referral.pk, actor=operator(), reason="Same person")
    paid(referral, kind="subscription", credit_points=0)
    time_passes()

    assert rewards.grant_due() == 0
    assert states(referrer) == [
        ("sign_up", "reversed", "The sign-up does not count."),
        ("first_top_up", "refused", "The sign-up does not count."),
    ]
    assert lines(referral.invitee_workspace_id, "reward") == [
        ("GRANT", HUNDRED, 0),
        ("CLAWBACK", -HUNDRED, 0),
    ]
    assert list(gift_faults()) == []
    with pytest.raises(InvalidRequest, match="was refused"):
        reviews.clear(invitee_id=referral.pk, actor=operator(), reason="Changed my mind")


def test_decision_needs_a_reason(referrer: Workspace) -> None:
    referral = invited(referrer, email="x@mailinator.com")

    for decide in (reviews.clear, reviews.refuse):
        with pytest.raises(InvalidRequest, match="Say why"):
            decide(invitee_id=referral.pk, actor=operator(), reason=" ")


# --------------------------------------------------------------------------------- reading
def test_page_data_is_masked_and_of_one_workspace(referrer: Workspace) -> None:
    invited(WorkspaceFactory.create(), email="not@mine.example")
    paid(invited(referrer, email="bea@example.org"))
    rewards.grant_due()

    [one] = read.invitees(workspace_id=referrer.pk)

    assert (one.mail, one.is_checked, one.is_refused) == ("b…@e….org", False, False)
    assert [(reward.rule, reward.state) for reward in one.rewards] == [
        ("sign_up", "granted"),
        ("first_top_up", "waiting"),
    ]
    assert read.sums(workspace_id=referrer.pk) == read.Sums(HUNDRED, SEVEN_HUNDRED, 0)


# --------------------------------------------------------------------- races and crashes
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_job_that_runs_five_times_at_once_grants_once_and_keeps_the_cap() -> None:
    referrer = WorkspaceFactory.create(points=0)
    PlanVersion.objects.create(
        plan=referrer.plan, version=1, price_points=0, share=1, concurrent_tasks=1,
        retention_days=1, referral_cap=3,
    )  # fmt: skip
    for turn in range(6):
        invited(referrer, email=f"p{turn}@site{turn}.example")

    assert at_once(*[rewards.grant_due] * 5) == []

    assert lines(referrer.pk, "reward") == [("GRANT", HUNDRED, 0)] * 3
    assert list(gift_faults()) == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_grant_and_refund_at_once_leave_no_reward() -> None:
    referrer = WorkspaceFactory.create(points=0)
    for turn in range(8):
        made = paid(invited(referrer, email=f"p{turn}@site{turn}.example"))
        time_passes()
        steps = (rewards.grant_due, lambda made=made: goes_back(made, made.total_points))
        assert at_once(*steps) == []

    top_ups = {state for rule, state, _ in states(referrer) if rule == "first_top_up"}
    assert top_ups <= {"refused", "reversed"}
    assert billing.wallet(workspace_id=referrer.pk).available == 8 * HUNDRED
    assert list(gift_faults()) == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_first_payments_at_once_open_one_reward() -> None:
    referrer = WorkspaceFactory.create(points=0)
    referral = invited(referrer, email="a@a.example")

    assert at_once(*[lambda: paid(referral)] * 2) == []

    assert [rule for rule, _, _ in states(referrer)] == ["sign_up", "first_top_up"]


def test_crash_between_state_and_credits_grants_later(
    referrer: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited(referrer, email="a@a.example")

    def broken(**_: object) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(movements, "grant", broken)
        assert rewards.grant_due() == 0
    assert states(referrer) == [("sign_up", "waiting", "")]

    assert rewards.grant_due() == 2
    assert list(gift_faults()) == []


# ------------------------------------------------------------------------------- the proof
@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("UPDATE billing_referralreward SET state = 'waiting'", "GRANT of None"),
        ("UPDATE billing_referralreward SET state = 'reversed'", "CLAWBACK of"),
        (
            "UPDATE billing_referralreward SET points = points + 1",
            "of 1428572 points expected, the ledger",
        ),
    ],
)
def test_reward_that_is_not_what_the_ledger_says_is_found(
    referrer: Workspace, damage: str, fault: str
) -> None:
    invited(referrer, email="a@a.example")
    rewards.grant_due()
    with connection.cursor() as cursor:
        cursor.execute(damage)

    found = list(gift_faults())

    assert len(found) == 2
    assert all(fault in one for one in found)


def test_ledger_line_without_its_reward_is_found(referrer: Workspace) -> None:
    for reference in ("reward:99", "code:99", "adjustment:x"):
        movements.grant(workspace_id=referrer.pk, points=5, reference=reference)

    assert list(gift_faults()) == [
        f"{reference}: GRANT of None points expected, the ledger has 5"
        for reference in ("reward:99", "code:99", "adjustment:x")
    ]
    assert Reversal.objects.of(referrer.pk).count() == 0
