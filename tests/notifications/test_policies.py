import pytest

from apps.notifications import policies

DAY = 86_400


def test_waits_are_the_contracts_and_jitter_only_lengthens_long_ones():
    waits = [
        [policies.wait_seconds(attempts=attempts, age_seconds=0) for _ in range(200)]
        for attempts in range(1, 8)
    ]

    assert set(waits[0]) == set(waits[1]) == {5}
    assert all(
        least <= wait <= least * 1.1
        for tries, least in zip(waits, [5, 5, 60, 600, 3600, 21_600, DAY], strict=True)
        for wait in tries
        if wait is not None
    )
    assert all(len(set(tries)) > 100 for tries in waits[2:])


@pytest.mark.parametrize(
    ("attempts", "age_days", "goes_on"),
    [(7, 30, True), (8, 1.3, True), (12, 4.4, True), (12, 4.6, False), (8, 30, False)],
)
def test_after_the_list_every_12_hours_until_5_days(attempts: int, age_days: float, goes_on: bool):
    wait = policies.wait_seconds(attempts=attempts, age_seconds=age_days * DAY)

    assert (wait is not None) is goes_on


@pytest.mark.parametrize(
    ("status", "text", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", 60),
        (429, "Wed, 21 Oct 2015 07:26:00 GMT", 0),
        (429, "Wed, 21 Oct 2015 07:28:00 -0000", 60),
        (429, "", 0),
        (429, "soon", 0),
        (429, "-5", 0),
        (429, "1e9", 0),
        (429, "٣", 0),
        (429, "9" * 5000, 999_999_999),
        (429, "Wed, 99 Xxx 99999 99:99:99 GMT", 0),
        (500, "120", 0),
        (200, "120", 0),
    ],
)
def test_retry_after(status: int, text: str, seconds: float):
    now = 1445412420.0  # 07:27:00

    assert policies.retry_after(status=status, headers={"retry-after": text}, now=now) == seconds


def test_retry_after_never_shortens_a_wait():
    assert policies.wait_seconds(attempts=1, age_seconds=0, retry_after=1) == 5
