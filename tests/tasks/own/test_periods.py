"""Active periods at dispatch: by the clock on the wall of their zone, whatever it does."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa import policies
from apps.byoa.models import Account
from apps.byoa.policies import Prospect, State
from apps.tasks.services import failover
from apps.tasks.services.dispatch import dispatch
from tests.factories.own import bridge_account, set_account
from tests.tasks.own.helpers import midjourney, place

pytestmark = pytest.mark.django_db
ZONES = [
    "UTC",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Europe/Berlin",
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [(-60, 60, "A relax"), (60, 120, "pending"), (-120, -60, "pending"), (-60, -61, "A relax"), (60, -60, "pending")],
)  # fmt: skip
def test_period_is_by_the_clock_on_the_wall_of_its_zone(
    home: Workspace, zone: str, begins: int, ends: int, expected: str
):
    """Minutes around now; of those that end before they begin the day between is meant."""
    local = datetime.now(ZoneInfo(zone))
    start, end = ((local + timedelta(minutes=n)).time() for n in (begins, ends))
    bridge_account(home, active_from=start, active_to=end, time_zone=zone)
    made = midjourney(home)

    dispatch()

    assert place(made) == expected


@pytest.mark.parametrize(
    ("now", "start", "end", "is_open"),
    [
        # Clocks skip 02:00 to 03:00 on 29 March 2026 in Berlin (01:00 UTC), and repeat it on 25 October.
        ("2026-03-29T00:59:59", "02:00", "03:00", False),
        ("2026-03-29T01:00:00", "02:00", "03:00", False),
        ("2026-03-29T00:59:59", "01:30", "03:30", True),
        ("2026-03-29T01:29:59", "01:30", "03:30", True),
        ("2026-03-29T01:30:00", "01:30", "03:30", False),
        ("2026-10-25T00:00:00", "02:00", "03:00", True),
        ("2026-10-25T00:59:59", "02:00", "03:00", True),
        ("2026-10-25T01:00:00", "02:00", "03:00", True),
        ("2026-10-25T01:59:59", "02:00", "03:00", True),
        ("2026-10-25T02:00:00", "02:00", "03:00", False),
        ("2026-10-24T21:59:59", "22:00", "06:00", True),
        ("2026-10-25T04:59:59", "22:00", "06:00", True),
        ("2026-10-25T05:00:00", "22:00", "06:00", False),
        ("2026-03-29T03:59:59", "22:00", "06:00", True),
        ("2026-03-29T04:00:00", "22:00", "06:00", False),
    ],
)
def test_period_at_the_edges_of_daylight_saving(now: str, start: str, end: str, is_open: bool):
    account = Account(
        active_from=datetime.fromisoformat(f"2026-01-01T{start}").time(),
        active_to=datetime.fromisoformat(f"2026-01-01T{end}").time(),
        time_zone="Europe/Berlin",
        families=["midjourney"],
    )
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert policies.state_of(account, now=moment) == (
        State.ACTIVE if is_open else State.OUTSIDE_PERIOD
    )
    hope = policies.prospect(account, now=moment, mode="relax")
    assert hope == (Prospect.NOW if is_open else Prospect.LATER)


def test_task_that_waits_for_a_period_starts_when_it_comes_and_not_before(home: Workspace):
    soon = (timezone.now() + timedelta(hours=3)).time()
    later = (timezone.now() + timedelta(hours=6)).time()
    account = bridge_account(home, active_from=soon, active_to=later)
    made = midjourney(home)
    dispatch()
    failover.look_after()
    waited = place(made)
    set_account(account, active_from=None, active_to=None)

    dispatch()

    assert (waited, place(made)) == ("pending", "A relax")
