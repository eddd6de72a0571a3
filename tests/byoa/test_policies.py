import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from apps.byoa import policies
from apps.byoa.policies import Candidate, Choice

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def candidate(id: int, weight: str = "mid", *, turn: int = 0, in_use: int = 0) -> Candidate:
    return Candidate(id, weight, turn, in_use, slots=10)


# ------------------------------------------------------------------ who takes the next task
@dataclass
class Simulated:
    id: int
    weight: str
    slots: int
    turn: int = 0
    is_parked: bool = False
    ends: list[int] = field(default_factory=list)

    def candidate(self) -> Candidate:
        return Candidate(self.id, self.weight, self.turn, len(self.ends), self.slots)


@dataclass
class Simulator:
    """Accounts that take a task a step, keep it for a while, and are parked and healed by chance."""

    accounts: list[Simulated]
    length: tuple[int, int] = (1, 20)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    taken: list[int] = field(default_factory=list)

    def step(self) -> None:
        for account in self.accounts:
            account.ends = [end for end in account.ends if end > len(self.taken)]
        able = [a for a in self.accounts if not a.is_parked and len(a.ends) < a.slots]
        choice = policies.choose([account.candidate() for account in able])
        assert choice is not None
        for account in able:
            account.turn = choice.turns.get(account.id, account.turn)
        chosen = next(account for account in able if account.id == choice.id)
        self.taken.append(chosen.id)
        chosen.ends.append(len(self.taken) + self.chance.randint(*self.length))

    def run(self, steps: int) -> Counter[int]:
        start = len(self.taken)
        for _ in range(steps):
            self.step()
        return Counter(self.taken[start:])


def test_ten_thousand_tasks_are_shared_one_two_four():
    simulator = Simulator(
        [Simulated(1, "low", 100), Simulated(2, "mid", 100), Simulated(3, "high", 100)]
    )

    shares = simulator.run(10_000)

    assert {key: round(count / 10_000 * 7, 2) for key, count in shares.items()} == {
        1: 1.0,
        2: 2.0,
        3: 4.0,
    }


def test_shares_hold_while_others_fill_up_are_parked_and_heal():
    steady = [Simulated(1, "low", 100), Simulated(2, "mid", 100), Simulated(3, "high", 100)]
    restless = [Simulated(4, "high", 2), Simulated(5, "mid", 50), Simulated(6, "low", 1)]
    simulator = Simulator([*steady, *restless])
    chance = random.Random(3)

    for _ in range(10_000):
        for account in restless:
            if chance.random() < 0.01:
                account.is_parked = not account.is_parked
        simulator.step()

    taken = Counter(simulator.taken)
    unit = sum(taken[account.id] for account in steady) / 7
    assert [taken[1] / unit, taken[2] / unit, taken[3] / unit] == [
        pytest.approx(share, rel=0.01) for share in (1, 2, 4)
    ]
    assert all(taken[account.id] > 100 for account in restless)


def test_shares_come_near_where_somebody_is_parked_or_healed_every_twenty_tasks():
    accounts = [Simulated(n, ["low", "mid", "high"][n % 3], 100) for n in range(9)]
    simulator = Simulator(accounts)
    chance = random.Random(5)
    due: Counter[int] = Counter()

    for _ in range(10_000):
        for account in accounts:
            if chance.random() < 0.005:
                account.is_parked = not account.is_parked
        if all(account.is_parked for account in accounts):
            accounts[0].is_parked = False
        able = [account for account in accounts if not account.is_parked]
        weights = {account.id: 4 // policies.STRIDES[account.weight] for account in able}
        for key, weight in weights.items():
            due[key] += weight / sum(weights.values())  # type: ignore[assignment]
        simulator.step()

    taken = Counter(simulator.taken)
    by_weight = {
        weight: sum(taken[a.id] for a in accounts if a.weight == weight)
        / sum(due[a.id] for a in accounts if a.weight == weight)
        for weight in ("low", "mid", "high")
    }
    assert by_weight == {weight: pytest.approx(1, rel=0.05) for weight in ("low", "mid", "high")}


@pytest.mark.parametrize(("weight", "share"), [("low", 1), ("mid", 2), ("high", 4)])
def test_healed_account_gets_its_share_and_no_burst(weight: str, share: int):
    healed = Simulated(4, weight, 100, is_parked=True)
    others = [Simulated(1, "low", 100), Simulated(2, "mid", 100), Simulated(3, "high", 100)]
    simulator = Simulator([*others, healed])
    simulator.run(5_000)

    healed.is_parked = False

    assert (
        simulator.run(20)[4]
        <= policies.LAG // policies.STRIDES[weight] + 20 * share / (7 + share) + 1
    )
    assert simulator.run(7_000)[4] == pytest.approx(7_000 * share / (7 + share), rel=0.01)


def test_account_with_its_slots_full_catches_up_a_little():
    small = Simulated(1, "mid", 1)
    large = Simulated(2, "mid", 100)
    simulator = Simulator([small, large], length=(1, 1))

    shares = simulator.run(1_000)

    # Its slot is taken for the step after each: half of all tasks fit, and it gets them.
    assert shares == {1: 500, 2: 500}


def test_parked_accounts_keep_their_order_when_they_are_moved_up_together():
    behind = [candidate(1, "low", turn=2), candidate(2, "high", turn=0)]

    choice = policies.choose([*behind, candidate(3, turn=100)])

    assert choice == Choice(2, {1: 94, 2: 93})


def test_equal_turns_go_to_the_emptiest_account_then_to_the_oldest():
    full, empty = candidate(1, in_use=5), candidate(3, in_use=1)

    assert policies.choose([full, empty]) == Choice(3, {3: 2})
    assert policies.choose([replace(full, id=2), full]) == Choice(1, {1: 2})
    assert policies.choose([]) is None


# --------------------------------------------------------------------------- active periods
def within(moment: str, start: str, end: str, zone: str = "Europe/Berlin") -> bool:
    return policies.is_within(
        now=datetime.fromisoformat(moment),
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        zone=zone,
    )


@pytest.mark.parametrize(
    ("moment", "is_inside"),
    [
        ("2026-01-10T06:59:59+00:00", False),
        ("2026-01-10T07:00:00+00:00", True),  # 8:00 in winter
        ("2026-01-10T18:59:59+00:00", True),
        ("2026-01-10T19:00:00+00:00", False),
        ("2026-07-10T06:00:00+00:00", True),  # 8:00 in summer
        ("2026-07-10T18:00:00+00:00", False),
    ],
)
def test_period_follows_the_clock_on_the_wall(moment: str, is_inside: bool):
    assert within(moment, "08:00", "20:00") == is_inside


@pytest.mark.parametrize(
    ("moment", "is_inside"),
    [
        ("2026-01-10T20:59:00+00:00", False),
        ("2026-01-10T21:00:00+00:00", True),
        ("2026-01-10T23:30:00+00:00", True),
        ("2026-01-11T04:59:00+00:00", True),
        ("2026-01-11T05:00:00+00:00", False),
    ],
)
def test_period_may_cross_midnight(moment: str, is_inside: bool):
    assert within(moment, "22:00", "06:00") == is_inside


@pytest.mark.parametrize(
    ("moment", "is_inside"),
    [
        # 29 March 2026: 1:59 is followed by 3:00.
        ("2026-03-29T00:59:59+00:00", False),
        ("2026-03-29T01:00:00+00:00", True),
        ("2026-03-29T01:29:59+00:00", True),
        ("2026-03-29T01:30:00+00:00", False),
        # 25 October 2026: 2:30 to 3:30 begins twice.
        ("2026-10-25T00:29:59+00:00", False),
        ("2026-10-25T00:30:00+00:00", True),
        ("2026-10-25T01:00:00+00:00", False),
        ("2026-10-25T01:30:00+00:00", True),
        ("2026-10-25T02:29:59+00:00", True),
        ("2026-10-25T02:30:00+00:00", False),
    ],
)
def test_period_on_the_days_when_clocks_change(moment: str, is_inside: bool):
    assert within(moment, "02:30", "03:30") == is_inside


def test_without_a_period_every_moment_is_inside():
    assert policies.is_within(now=NOW, start=None, end=None, zone="UTC")
    assert within("2026-01-10T07:00:00+00:00", "08:00", "08:00")


# ------------------------------------------------------------------------ requests a minute
def admitted(per_minute: int, gaps: list[float]) -> list[int]:
    """After each gap (seconds), how many requests pass at once."""
    bucket, now, passed = None, NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        count = 0
        while policies.requests_left(now=now, bucket_at=bucket, per_minute=per_minute):
            bucket = policies.bucket_after(now=now, bucket_at=bucket, per_minute=per_minute)
            count += 1
        passed.append(count)
    return passed


@pytest.mark.parametrize(
    ("per_minute", "gaps", "passed"),
    [
        (60, [0, 0, 1, 5, 60], [10, 0, 1, 5, 10]),
        (6, [0, 9.9, 0.1, 30], [1, 0, 1, 1]),
        (1, [0, 59, 1], [1, 0, 1]),
        (600, [0, 0.1, 0.05, 0.05], [100, 1, 0, 1]),
    ],
)
def test_bucket_lets_ten_seconds_worth_through_at_once(
    per_minute: int, gaps: list[float], passed: list[int]
):
    assert admitted(per_minute, gaps) == passed


def test_bucket_holds_to_its_rate_over_an_hour():
    assert sum(admitted(90, [0.25] * 4 * 3600)) == 90 * 60 + 14


def test_account_without_a_limit_has_no_bucket():
    assert policies.requests_left(now=NOW, bucket_at=None, per_minute=None) is None


# --------------------------------------------------------------------------------- its rest
def rest_after(errors: list[float | None]) -> list[Any]:
    """Seconds of rest after each failure, the next coming the moment the rest is over."""
    failures, resume_at, now, rests = 0, None, NOW, []
    for retry_after in errors:
        rest = policies.rest(
            now=now, failures=failures, resume_at=resume_at, retry_after=retry_after
        )
        rests.append(rest.until and (rest.until - now).total_seconds())
        failures, resume_at, now = rest.failures, rest.until, rest.until or now
    return rests


@pytest.mark.parametrize(
    ("errors", "rests"),
    [
        ([None] * 12, [None, None, 5, 10, 20, 40, 80, 160, 320, 600, 600, 600]),
        ([30], [30]),
        ([0], [5]),
        ([2, None, None, None], [5, 5, 5, 10]),  # a probe that fails needs no third failure
        ([None, None, 100, 1], [None, None, 100, 10]),
        ([1e9], [600]),
        ([float("inf")], [600]),
        ([float("nan"), -5, None], [None, None, 5]),
    ],
)
def test_rest_grows_with_failures_and_follows_the_provider(
    errors: list[float | None], rests: list[Any]
):
    assert rest_after(errors) == rests


def test_stragglers_of_a_cool_down_count_once_and_only_lengthen_it():
    until = NOW + timedelta(seconds=20)

    def straggler(retry_after: float | None) -> policies.Rest:
        return policies.rest(now=NOW, failures=5, resume_at=until, retry_after=retry_after)

    assert straggler(None) == straggler(3) == policies.Rest(5, until)
    assert straggler(60) == policies.Rest(5, NOW + timedelta(seconds=60))


def test_failures_without_end_do_not_overflow():
    assert policies.rest(
        now=NOW, failures=10**6, resume_at=None, retry_after=None
    ) == policies.Rest(10**6 + 1, NOW + timedelta(seconds=600))


@pytest.mark.parametrize(
    ("status", "times", "minutes"),
    [
        ("invalid_credentials", 0, 10),
        ("no_balance", 1, 20),
        ("subscription_expired", 5, 320),
        ("setup_required", 6, 360),
        ("no_balance", 10**6, 360),
        ("captcha_required", 0, None),
        ("banned", 0, None),
    ],
)
def test_parked_account_is_checked_ever_more_rarely(status: str, times: int, minutes: int | None):
    expected = None if minutes is None else NOW + timedelta(minutes=minutes)

    assert policies.recheck_at(status=status, times=times, now=NOW) == expected


@pytest.mark.parametrize(
    ("block_until", "expected"),
    [
        ("2026-05-05T08:00:00+02:00", datetime(2026, 5, 5, 6, tzinfo=UTC)),
        ("2026-05-05T08:00:00", datetime(2026, 5, 5, 8, tzinfo=UTC)),
        ("2026-05-04T11:59:59Z", None),
        ("soon", None),
        (1_800_000_000, None),
    ],
)
def test_ban_is_looked_at_when_it_is_said_to_end(block_until: object, expected: datetime | None):
    found = policies.recheck_at(status="banned", times=0, now=NOW, block_until=block_until)

    assert found == expected


def test_secret_is_replaced_wherever_it_stands():
    assert policies.without("key abc, again abc", secret="abc") == "key [removed], again [removed]"
    assert policies.without("unchanged", secret="") == "unchanged"
