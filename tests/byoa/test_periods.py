"""The calendar of an active period agrees with the rule that opens and closes it, on every day."""

import random
from datetime import UTC, datetime, time, timedelta

import pytest

from apps.byoa import policies
from apps.byoa.services.checklist import preview_period
from apps.byoa.services.terms import Terms


def spans(
    now: str, start: str, end: str, zone: str = "Europe/Berlin", days: int = 1
) -> list[tuple[str, str]]:
    terms = Terms(
        label="Ours",
        base_url="",
        active_from=time.fromisoformat(start),
        active_to=time.fromisoformat(end),
        time_zone=zone,
    )
    found = preview_period(terms=terms, now=datetime.fromisoformat(now), days=days)
    return [(f"{first:%d %H:%M}", f"{last:%d %H:%M}") for first, last in found]


@pytest.mark.parametrize(
    ("now", "start", "end", "zone", "expected"),
    [
        # Winter and summer: the wall's 8:00 is another instant.
        ("2026-01-10T00:00+00:00", "08:00", "20:00", "Europe/Berlin", [("10 07:00", "10 19:00")]),
        ("2026-07-10T00:00+00:00", "08:00", "20:00", "Europe/Berlin", [("10 06:00", "10 18:00")]),
        # Across midnight: what is left of the night, and the beginning of the next one.
        (
            "2026-01-10T00:00+00:00",
            "22:00",
            "06:00",
            "Europe/Berlin",
            [("10 00:00", "10 05:00"), ("10 21:00", "11 00:00")],
        ),
        # It is open now: from now on.
        ("2026-01-10T09:30+00:00", "08:00", "20:00", "Europe/Berlin",
         [("10 09:30", "10 19:00"), ("11 07:00", "11 09:30")]),
        # 29 March 2026: 1:59 is followed by 3:00.
        ("2026-03-28T23:00+00:00", "02:00", "03:00", "Europe/Berlin", []),
        ("2026-03-28T23:00+00:00", "02:30", "03:30", "Europe/Berlin", [("29 01:00", "29 01:30")]),
        ("2026-03-28T23:00+00:00", "01:30", "02:30", "Europe/Berlin", [("29 00:30", "29 01:00")]),
        ("2026-03-28T23:00+00:00", "00:00", "12:00", "Europe/Berlin",
         [("28 23:00", "29 10:00"), ("29 22:00", "29 23:00")]),
        ("2026-03-28T20:00+00:00", "22:00", "06:00", "Europe/Berlin", [("28 21:00", "29 04:00")]),
        # 25 October 2026: 2:00 to 3:00 comes twice.
        ("2026-10-24T22:00+00:00", "02:00", "03:00", "Europe/Berlin", [("25 00:00", "25 02:00")]),
        ("2026-10-24T22:00+00:00", "02:30", "03:30", "Europe/Berlin",
         [("25 00:30", "25 01:00"), ("25 01:30", "25 02:30")]),
        ("2026-10-24T22:00+00:00", "02:10", "02:20", "Europe/Berlin",
         [("25 00:10", "25 00:20"), ("25 01:10", "25 01:20")]),
        ("2026-10-24T20:00+00:00", "23:00", "06:00", "Europe/Berlin", [("24 21:00", "25 05:00")]),
        # New York changes on other days and at another hour.
        ("2026-03-08T05:00+00:00", "02:00", "04:00", "America/New_York", [("08 07:00", "08 08:00")]),
        ("2026-11-01T04:00+00:00", "01:30", "02:30", "America/New_York",
         [("01 05:30", "01 06:00"), ("01 06:30", "01 07:30")]),
        # Lord Howe changes by half an hour, Kolkata has an odd offset and never changes.
        ("2026-04-04T12:00+00:00", "01:45", "02:15", "Australia/Lord_Howe",
         [("04 14:45", "04 15:00"), ("04 15:15", "04 15:45")]),
        ("2026-06-01T00:00+00:00", "09:00", "10:00", "Asia/Kolkata", [("01 03:30", "01 04:30")]),
    ],
)  # fmt: skip
def test_calendar_shows_when_tasks_are_taken(
    now: str, start: str, end: str, zone: str, expected: list[tuple[str, str]]
):
    assert spans(now, start, end, zone) == expected


def test_calendar_covers_the_days_asked_for():
    found = spans("2026-03-26T00:00+00:00", "08:00", "20:00", days=7)

    assert found == [
        *[(f"{day} 07:00", f"{day} 19:00") for day in (26, 27, 28)],
        *[(f"{day} 06:00", f"{day} 18:00") for day in (29, 30, 31)],
        ("01 06:00", "01 18:00"),
    ]


def test_without_a_period_it_is_open_all_the_time():
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)

    found = preview_period(terms=Terms(label="Ours", base_url=""), now=now)

    assert found == [(now, now + timedelta(days=7))]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 7, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 5, 1, tzinfo=UTC)),
    ],
)
def test_calendar_and_rule_never_disagree(zone: str, day: datetime):
    chance = random.Random(zone)
    for _ in range(40):
        now = day + timedelta(seconds=chance.randrange(24 * 3600), microseconds=chance.randrange(9))
        start = time(chance.randrange(24), chance.randrange(60))
        end = time(chance.randrange(24), chance.randrange(60), chance.randrange(60))
        until = now + timedelta(days=2)
        found = policies.open_spans(now=now, until=until, start=start, end=end, zone=zone)

        assert found == sorted(found)
        for _ in range(60):
            moment = now + timedelta(seconds=chance.randrange(2 * 24 * 3600))
            is_shown = any(first <= moment < last for first, last in found)
            is_open = policies.is_within(now=moment, start=start, end=end, zone=zone)
            assert is_shown == is_open, (moment, start, end)
