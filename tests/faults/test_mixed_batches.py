"""What ends together is written together, however different it is."""

import pytest

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery
from apps.notifications.services import claims
from apps.notifications.services.claims import Outcome
from apps.providers.base import Accepted
from apps.tasks.models import Attempt
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote import due, writing
from apps.tasks.services.remote.outcomes import Later, Took
from tests.factories import picture
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db
WHOLE, HALF = 30, 2.5


def test_waits_of_whole_and_of_part_seconds_at_a_provider(workspace: Workspace):
    account()
    for _ in range(3):
        picture(workspace)
    dispatch()
    one, two, three = due.to_send(limit=5, busy=[])

    writing.write(
        [
            Later(one, WHOLE),
            Later(two, HALF),
            Took(three, Accepted("p-1", {}, poll_after_seconds=3)),
        ]
    )

    states = dict(Attempt.objects.values_list("id", "state"))
    assert states == {one.id: "SENDING", two.id: "SENDING", three.id: "ACCEPTED"}


def test_waits_of_whole_and_of_part_seconds_of_deliveries(workspace: Workspace):
    account()
    for number in range(3):
        picture(workspace, webhook_endpoint=f"https://receiver.example.com/{number}")
    lane = Delivery.objects.of(workspace.pk).values_list("lane", flat=True)[0]
    waits = (WHOLE, HALF, 0)
    rows = claims.take(shares={lane: 5})

    written = claims.record(
        outcomes=[
            Outcome(row.id, row.claim, "WAITING", wait, 500, "", 1)
            for row, wait in zip(rows, waits, strict=True)
        ]
    )

    assert written == {row.id for row in rows}
    assert set(Delivery.objects.of(workspace.pk).values_list("attempts", flat=True)) == {1}
