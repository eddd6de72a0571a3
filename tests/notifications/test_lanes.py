"""Who may have how much in flight."""

from collections import Counter

from apps.notifications.services.lanes import (
    FIRST_WINDOW,
    IN_FLIGHT,
    PER_WORKSPACE,
    UNPROVEN,
    WIDEST_WINDOW,
    Lanes,
)


def _fly(lanes: Lanes, due: list[str], now: float = 0) -> dict[str, int]:
    shares = lanes.share(due, now=now)
    for name, count in shares.items():
        for _ in range(count):
            lanes.started(name)
    return shares


def _prove(lanes: Lanes, names: list[str], times: int = 1) -> None:
    for name in names:
        for _ in range(times):
            lanes.started(name)
            lanes.succeeded(name)


def test_new_lane_starts_with_four():
    assert _fly(Lanes(), ["1|a:80"]) == {"1|a:80": 4}


def test_window_doubles_with_success_up_to_its_widest():
    lanes = Lanes()
    seen = []
    for _ in range(5):
        seen.append(lanes.share(["1|a:80"], now=0)["1|a:80"])
        _prove(lanes, ["1|a:80"])

    assert seen == [4, 8, 16, 32, 32]


def test_failure_leaves_one_at_a_time_after_a_rest():
    lanes = Lanes()
    _prove(lanes, ["1|a:80"], times=5)
    lanes.started("1|a:80")
    lanes.failed("1|a:80", now=100)

    assert lanes.share(["1|a:80"], now=100.05) == {}
    assert lanes.share(["1|a:80"], now=100.2) == {"1|a:80": 1}


def test_rest_grows_with_failures_in_a_row_up_to_five_seconds():
    lanes = Lanes()
    rests = []
    for _ in range(8):
        lanes.started("1|a:80")
        lanes.failed("1|a:80", now=0)
        rests.append(next(t for t in range(1, 100) if lanes.share(["1|a:80"], now=t / 10)))

    assert rests == [1, 2, 4, 8, 16, 32, 50, 50]


def test_success_ends_the_row_of_failures():
    lanes = Lanes()
    for _ in range(8):
        lanes.started("1|a:80")
        lanes.failed("1|a:80", now=0)
    _prove(lanes, ["1|a:80"])

    assert lanes.share(["1|a:80"], now=0) == {"1|a:80": 2}


def test_rest_that_was_asked_for_is_kept_up_to_a_minute():
    lanes = Lanes()
    lanes.started("1|a:80")
    lanes.failed("1|a:80", now=0, asked_rest=86_400)

    assert lanes.share(["1|a:80"], now=59.9) == {}
    assert lanes.share(["1|a:80"], now=60.1) == {"1|a:80": 1}


def test_lane_never_has_more_in_flight_than_its_window():
    lanes = Lanes()
    _fly(lanes, ["1|a:80"])

    assert _fly(lanes, ["1|a:80"]) == {}
    lanes.dropped("1|a:80")
    assert _fly(lanes, ["1|a:80"]) == {"1|a:80": 1}


def test_all_lanes_together_stay_below_the_limit_and_workspaces_share_it_evenly():
    lanes = Lanes()
    due = [f"{workspace}|{host}:80" for workspace in range(8) for host in range(50)]
    _prove(lanes, due, times=3)

    shares = _fly(lanes, due)

    assert lanes.in_flight == sum(shares.values()) == IN_FLIGHT
    by_workspace = Counter[str]()
    for name, count in shares.items():
        by_workspace[name.split("|")[0]] += count
    assert set(by_workspace.values()) == {IN_FLIGHT // 8}


def test_one_workspace_cannot_take_all():
    lanes = Lanes()
    due = [f"1|{host}:80" for host in range(200)]
    _prove(lanes, due, times=3)

    assert sum(_fly(lanes, due).values()) == PER_WORKSPACE


def test_lanes_that_have_not_proven_themselves_get_little_together():
    lanes = Lanes()
    dead = [f"1|dead{host}:80" for host in range(1000)]
    assert sum(_fly(lanes, dead).values()) == UNPROVEN

    _prove(lanes, ["1|good:80"])

    assert _fly(lanes, [*dead, "1|good:80", "2|new:80"]) == {
        "1|good:80": 2 * FIRST_WINDOW,
        "2|new:80": FIRST_WINDOW,
    }


def test_counts_return_to_nothing_whatever_happened():
    lanes = Lanes()
    due = [f"{n % 3}|h{n}:80" for n in range(60)]
    for round_ in range(20):
        flying = [
            name
            for name, count in _fly(lanes, due, now=round_ * 10.0).items()
            for _ in range(count)
        ]
        for place, name in enumerate(flying):
            if place % 3 == 0:
                lanes.failed(name, now=round_ * 10.0)
            elif place % 3 == 1:
                lanes.succeeded(name)
            else:
                lanes.dropped(name)

    assert lanes.in_flight == 0
    assert set(lanes._busy.values()) == {0}
    assert set(lanes._unproven.values()) == {0}


def test_widest_window_bounds_a_burst_of_successes():
    lanes = Lanes()
    _prove(lanes, ["1|a:80"], times=50)

    assert lanes.share(["1|a:80"], now=0) == {"1|a:80": WIDEST_WINDOW}
