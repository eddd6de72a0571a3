"""Which pool a workspace's tasks run in."""

from typing import Any

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.accounts.selectors import identify
from apps.byoa.services import pools
from apps.core.errors import InvalidRequest
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, api_key, owner_of
from tests.factories.byoa import own_account, seats

pytestmark = pytest.mark.django_db


def switched(workspace: Workspace) -> tuple[list[str], list[str], bool]:
    row = Workspace.objects.get(pk=workspace.pk)
    return row.private_families, row.failover_families, row.skips_flagged_suno


def who(workspace: Workspace) -> dict[str, Any]:
    return {"workspace": workspace, "actor": owner_of(workspace), "ip": "203.0.113.9"}


def audited(workspace: Workspace) -> list[tuple[str, str, dict[str, Any]]]:
    rows = AuditEvent.objects.of(workspace.pk).filter(action__startswith="pool.").order_by("id")
    return list(rows.values_list("action", "target", "detail"))


def test_family_becomes_private_and_public_again(workspace: Workspace):
    neighbour = WorkspaceFactory.create()

    for family in ("midjourney", "kling", "kling"):
        pools.set_private(**who(workspace), family=family, is_on=True)
    assert switched(workspace) == (["kling", "midjourney"], [], False)
    assert workspace.private_families == ["kling", "midjourney"]
    for _ in range(2):
        pools.set_private(**who(workspace), family="kling", is_on=False)

    assert switched(workspace) == (["midjourney"], [], False)
    assert switched(neighbour) == ([], [], False)
    assert audited(workspace) == [
        ("pool.private", "midjourney", {"family": "midjourney", "is_on": True}),
        ("pool.private", "kling", {"family": "kling", "is_on": True}),
        ("pool.private", "kling", {"family": "kling", "is_on": False}),
    ]
    event = AuditEvent.objects.of(workspace.pk).filter(action="pool.private").latest("id")
    assert (event.actor, event.ip) == (owner_of(workspace), "203.0.113.9")


def test_some_families_fail_over(workspace: Workspace):
    pools.set_failover(**who(workspace), family="luma", is_on=True)

    assert switched(workspace) == ([], ["luma"], False)
    with pytest.raises(InvalidRequest, match="kling, luma, midjourney, suno"):
        pools.set_failover(**who(workspace), family="flux", is_on=True)
    with pytest.raises(InvalidRequest, match="no seats"):
        pools.set_private(**who(workspace), family="klong", is_on=True)


def test_flagged_accounts_are_kept_off(workspace: Workspace):
    for _ in range(2):
        pools.set_skip_flagged(**who(workspace), is_on=True)

    assert switched(workspace) == ([], [], True)
    assert audited(workspace) == [("pool.skip_flagged", "suno", {"family": "suno", "is_on": True})]


@pytest.mark.django_db(transaction=True)
def test_keys_that_are_remembered_know_the_change_at_once(workspace: Workspace):
    secret = api_key(workspace)
    assert identify(key=secret).private_families == frozenset()

    pools.set_private(**who(workspace), family="kling", is_on=True)
    pools.set_failover(**who(workspace), family="kling", is_on=True)

    found = identify(key=secret)
    assert (found.private_families, found.failover_families) == ({"kling"}, {"kling"})


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_switches_that_are_turned_at_once_are_all_kept(workspace: Workspace):
    families = ["midjourney", "kling", "luma", "suno"]
    given = who(workspace)

    assert at_once(
        *[lambda f=name: pools.set_failover(**given, family=f, is_on=True) for name in families]
    ) == []  # fmt: skip

    assert switched(workspace)[1] == sorted(families)


def test_overview_shows_every_family_with_few_queries(
    workspace: Workspace, django_assert_max_num_queries: Any
):
    row = seats(workspace, "midjourney", 3)
    row.next_quantity = 1
    row.save()
    own_account(workspace)
    own_account(workspace, seat_ended_at="2026-01-01T00:00:00Z")
    own_account(WorkspaceFactory.create())
    seats(WorkspaceFactory.create(), "kling", 9)
    pools.set_private(**who(workspace), family="midjourney", is_on=True)
    pools.set_failover(**who(workspace), family="midjourney", is_on=True)

    with django_assert_max_num_queries(6):
        found = {one.slug: one for one in pools.seat_families(workspace=workspace)}

    one = found["midjourney"]
    assert (one.title, one.first_points, one.further_points, one.pack) == (
        "Midjourney",
        100_000_000,
        60_000_000,
        1,
    )
    assert (one.seats, one.next_seats, one.accounts, one.parked) == (3, 1, 1, 1)
    assert (one.is_private, one.can_fail_over, one.fails_over) == (True, True, True)
    other = found["kling"]
    assert (other.seats, other.next_seats, other.accounts) == (0, None, 0)
    assert (other.is_private, other.can_fail_over, other.fails_over) == (False, True, False)
    assert not found["flux"].can_fail_over
    assert "federation" in other.providers
    assert "local" not in [name for each in found.values() for name in each.providers]


def test_family_that_is_sold_no_more_still_shows_what_is_there(workspace: Workspace, settings: Any):
    settings.SEAT_PRICES = {}
    seats(workspace, "kling", 2)
    own_account(workspace, "flux")

    found = {one.slug: one for one in pools.seat_families(workspace=workspace)}

    assert [(name, one.seats, one.accounts) for name, one in found.items()] == [
        ("kling", 2, 0),
        ("flux", 0, 1),
    ]
