"""Redeem codes: written for people, redeemed once, and nothing to be learned by guessing."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import CodeBatch, CreditLot, RedeemCode, Wallet
from apps.billing.selectors.codes import used_codes
from apps.billing.selectors.gifts import gift_faults
from apps.billing.services import codes, movements
from apps.billing.services.codes import batches, words
from apps.core.errors import DomainError, InvalidRequest, RateLimited
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.gifts import batch, lines, operator

DOLLAR = 10_000_000
_addresses = itertools.count(1)


def redeem(workspace: Workspace, text: str, **options: Any) -> codes.Redeemed:
    """From a network of its own, so that tests do not use up each other's tries."""
    given = {"ip": f"203.{next(_addresses) % 250}.113.9"} | options
    if "user" not in given:
        given["user"] = owner_of(workspace)
    return codes.redeem(workspace=workspace, text=text, **given)


def refusal(workspace: Workspace, text: str, **options: Any) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused:
        redeem(workspace, text, **options)
    return refused.value.type, refused.value.message


# ------------------------------------------------------------------------------- writing
def test_new_code_is_prefix_and_130_bits_in_groups() -> None:
    code = words.new_code(prefix="LAUNCH")

    prefix, *groups = code.split("-")
    assert (prefix, [len(group) for group in groups]) == ("LAUNCH", [6, 5, 5, 5, 5])
    assert set("".join(groups)) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert words.shown_prefix(code) == f"LAUNCH-{groups[0]}"


@pytest.mark.parametrize(
    "typed",
    ["sol-10z", " SOL 10Z ", "5OL".replace("5", "S") + "–IOZ", "sol\tloz", "S0L-l0z"],
)
def test_code_is_the_same_however_it_is_typed(typed: str) -> None:
    assert words.digest(typed) == words.digest("SOL-10Z")


def test_digest_tells_codes_apart_and_takes_any_text() -> None:
    texts = ["", "A", "B", "é" * 500, "\x01", "A" * 300]

    assert (
        len({words.digest(text) for text in texts}) == 4
    )  # "", é and \x01 hold no character of a code


# ------------------------------------------------------------------------------- batches
@pytest.mark.django_db
def test_batch_keeps_its_codes_sealed_until_they_were_exported_once() -> None:
    made = batches.create(
        terms=batches.BatchTerms(name="Fair", prefix="FAIR26", points=DOLLAR, count=3),
        actor=operator(),
    )
    sealed = made.sealed_codes

    plain = batches.export(batch_id=made.pk)

    made.refresh_from_db()
    stored = RedeemCode.objects.across_workspaces().order_by("pk")
    assert [bytes(one.digest) for one in stored] == [words.digest(code) for code in plain]
    assert [one.shown_prefix for one in stored] == [code[:13] for code in plain]
    assert plain[0] not in sealed
    assert (made.sealed_codes, made.exported_at is None) == ("", False)
    with pytest.raises(InvalidRequest, match="exported before"):
        batches.export(batch_id=made.pk)


@pytest.mark.django_db
def test_export_that_fails_leaves_the_codes_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    made = batches.create(
        terms=batches.BatchTerms(name="Fair", prefix="FAIR", points=DOLLAR, count=2),
        actor=operator(),
    )

    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(CodeBatch, "save", broken)
        with pytest.raises(OSError, match="disk full"):
            batches.export(batch_id=made.pk)

    assert len(batches.export(batch_id=made.pk)) == 2


@pytest.mark.django_db
def test_largest_batch_is_made() -> None:
    made, plain = batch(count=batches.MOST_CODES)

    assert len(set(plain)) == RedeemCode.objects.across_workspaces().filter(batch=made).count()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"prefix": "x"}, "prefix"),
        ({"prefix": "=SUM"}, "prefix"),
        ({"count": 0}, "count"),
        ({"count": 10_001}, "count"),
        ({"points": 0}, "points"),
        ({"plan": "gold"}, "plan"),
        ({"credits_last_days": 0}, "credits_last_days"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
    ],
)
def test_batch_that_makes_no_sense_is_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        batch(**wrong)

    assert (refused.value.detail, CodeBatch.objects.count()) == ({"field": field}, 0)


# ----------------------------------------------------------------------------- redeeming
def test_code_brings_its_credits_once(workspace: Workspace) -> None:
    _, [code] = batch(credits_last_days=30)

    done = redeem(workspace, f"  {code.lower().replace('-', ' ')} ")
    again = refusal(workspace, code)

    lot = CreditLot.objects.of(workspace.pk).latest("pk")
    event = AuditEvent.objects.of(workspace.pk).latest("pk")
    assert again == ("invalid_request", "This code is not valid.")
    assert lines(workspace.pk, "code") == [("GRANT", DOLLAR, 0)]
    assert (lot.points, lot.expires_at) == (DOLLAR, done.expires_at)
    assert done.expires_at is not None
    assert timedelta(days=29) < done.expires_at - datetime.now(UTC) < timedelta(days=31)
    assert (event.action, event.actor, event.target) == (
        "code.redeemed",
        owner_of(workspace),
        f"{code[:13]}…",
    )
    assert code not in f"{event.detail}"
    assert list(gift_faults()) == []


def test_unknown_redeemed_and_voided_codes_look_the_same(workspace: Workspace) -> None:
    """Same words, and the same number of queries: no timing to learn from."""
    _, [redeemed] = batch()
    redeem(WorkspaceFactory.create(), redeemed)
    one, [voided] = batch()
    batches.void_code(code_id=RedeemCode.objects.across_workspaces().get(batch=one).pk)
    whole, [ended] = batch()
    batches.void(batch_id=whole.pk)

    answers = []
    for text in (words.new_code(prefix="LAUNCH"), redeemed, voided, ended, "", "?"):
        with CaptureQueriesContext(connection) as queries:
            answers.append((refusal(workspace, text, user=None), len(queries)))
        # A different person each time: the limit is another test's.
        workspace = WorkspaceFactory.create()

    assert set(answers) == {(("invalid_request", "This code is not valid."), 1)}


@pytest.mark.parametrize(
    ("terms", "words_of_it"),
    [
        ({"plan": "premium"}, "This code is for the Premium plan."),
        ({"expires_at": "soon"}, "This code has expired."),
    ],
)
def test_good_code_that_does_not_fit_says_why_and_stays_good(
    workspace: Workspace, terms: dict[str, Any], words_of_it: str
) -> None:
    _, [code] = batch(**({} if "expires_at" in terms else terms))
    if "expires_at" in terms:
        CodeBatch.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert refusal(workspace, code) == ("invalid_request", words_of_it)

    CodeBatch.objects.update(plan="", expires_at=None)
    assert redeem(workspace, code).points == DOLLAR


def test_person_redeems_one_code_of_a_batch(workspace: Workspace) -> None:
    _, [first, second, third] = batch(count=3)
    redeem(workspace, first)
    elsewhere = WorkspaceFactory.create()

    assert refusal(elsewhere, second, user=owner_of(workspace)) == (
        "invalid_request",
        "You have redeemed a code of this kind before.",
    )
    assert redeem(elsewhere, second).points == DOLLAR
    assert redeem(WorkspaceFactory.create(), third, user=None).points == DOLLAR


def test_person_redeems_several_where_the_batch_allows(workspace: Workspace) -> None:
    _, plain = batch(count=3, is_once_per_user=False)

    for code in plain:
        redeem(workspace, code)

    assert lines(workspace.pk, "code") == [("GRANT", DOLLAR, 0)] * 3


def test_code_pays_a_debt_first(workspace: Workspace) -> None:
    movements.claw_back(workspace_id=workspace.pk, points=14_000_000, reference="payment:x:1")
    _, [code] = batch()

    redeem(workspace, code)

    assert lines(workspace.pk, "code") == [("GRANT", 6_000_000, -4_000_000)]
    assert list(gift_faults()) == []


def test_redeemed_code_stays_redeemed_when_its_batch_ends(workspace: Workspace) -> None:
    made, [first, second] = batch(count=2, is_once_per_user=False)
    redeem(workspace, first)

    assert (batches.void(batch_id=made.pk), batches.void(batch_id=made.pk)) == (1, 0)
    assert refusal(workspace, second)[1] == "This code is not valid."
    assert (Wallet.objects.of(workspace.pk).get().available, list(gift_faults())) == (
        2 * DOLLAR,
        [],
    )


def test_used_codes_are_those_of_the_workspace(workspace: Workspace) -> None:
    _, [mine, theirs] = batch(count=2)
    redeem(workspace, mine)
    redeem(WorkspaceFactory.create(), theirs)

    assert [one.shown_prefix for one in used_codes(workspace_id=workspace.pk)] == [mine[:13]]


# ------------------------------------------------------------------------------- guessing
def test_wrong_codes_are_limited_for_a_person_and_right_ones_are_not_counted(
    workspace: Workspace,
) -> None:
    _, plain = batch(count=7, is_once_per_user=False)
    for code in plain[:6]:
        redeem(workspace, code)

    answers = [refusal(workspace, "WRONG")[0] for _ in range(7)]

    assert answers == ["invalid_request"] * 5 + ["rate_limited"] * 2
    assert refusal(workspace, plain[6])[0] == "rate_limited"


def test_wrong_codes_are_limited_for_a_network(db: None) -> None:
    """Ten thousand guesses from one network by as many people: five reach the table."""
    others = [WorkspaceFactory.create() for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        answers = [
            refusal(others[turn % 3], "WRONG", user=None, ip=f"198.51.100.{turn}")[0]
            for turn in range(60)
        ]

    assert answers == ["invalid_request"] * 5 + ["rate_limited"] * 55
    assert len([one for one in queries.captured_queries if "redeemcode" in one["sql"]]) == 5


def test_rate_limit_says_when_to_come_back(workspace: Workspace) -> None:
    for _ in range(5):
        refusal(workspace, "WRONG")

    with pytest.raises(RateLimited) as refused:
        redeem(workspace, "WRONG")

    assert refused.value.detail == {"limit": 5, "window_seconds": 3600}
    assert 0 < (refused.value.retry_after or 0) <= 3600


def test_many_wrong_codes_together_raise_an_alarm_once(
    workspace: Workspace, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDEEM_ALARM_PER_HOUR = 2

    for _ in range(5):
        refusal(WorkspaceFactory.create(), "WRONG", user=None)

    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == [
        "redeem codes are being guessed"
    ]


# ---------------------------------------------------------------------------------- races
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_hundred_people_redeem_one_code_and_one_gets_it() -> None:
    spaces = [WorkspaceFactory.create() for _ in range(20)]
    people = [owner_of(space) for space in spaces]
    _, [code] = batch()
    got: list[str] = []

    def try_it(turn: int) -> None:
        for repeat in range(10):
            try:
                codes.redeem(
                    workspace=spaces[turn],
                    user=people[turn],
                    text=code,
                    ip=f"10.{turn}.{repeat}.1",
                )
                got.append("credits")
            except DomainError as refused:
                got.append(refused.type)

    assert at_once(*(lambda turn=turn: try_it(turn) for turn in range(20))) == []

    assert (len(got), got.count("credits")) == (200, 1)
    assert sum(len(lines(space.pk, "code")) for space in spaces) == 1
    assert list(gift_faults()) == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_one_person_with_ten_codes_at_once_gets_one() -> None:
    space = WorkspaceFactory.create()
    user = owner_of(space)
    _, plain = batch(count=10)
    got: list[str] = []

    def try_it(turn: int) -> None:
        try:
            codes.redeem(workspace=space, user=user, text=plain[turn], ip=f"10.9.{turn}.1")
            got.append("credits")
        except DomainError as refused:
            got.append(refused.type)

    assert at_once(*(lambda turn=turn: try_it(turn) for turn in range(10))) == []

    assert got.count("credits") == 1
    assert lines(space.pk, "code") == [("GRANT", DOLLAR, 0)]


@pytest.mark.django_db
def test_crash_before_the_credits_leaves_the_code_unused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, [code] = batch()

    def broken(**_: object) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(movements, "grant", broken)
        with pytest.raises(OSError, match="gone"):
            redeem(workspace, code)

    assert redeem(workspace, code).points == DOLLAR
    assert list(gift_faults()) == []
