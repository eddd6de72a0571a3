"""Credit blocks in the database: taken, settled to their rows, and what comes too late."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.accounts.selectors import Identity
from apps.billing.models import Wallet
from apps.billing.services.credits import InsufficientCredits
from apps.llm.models import CreditBlock, PriceVersion, Usage
from apps.llm.services import blocks
from apps.llm.services.attempts import Attempt
from apps.llm.services.recorder import insert_now
from apps.ops.audit import differences
from tests.factories import WorkspaceFactory, identity

pytestmark = pytest.mark.django_db

DOLLAR = 10_000_000


@pytest.fixture
def caller(workspace: Workspace) -> Identity:
    return identity(workspace)


def taken(caller: Identity, gateway: str = "one", **fields: Any) -> blocks.Taken | None:
    terms = {"wanted": 4_000, "needed": 1_000, "least": 1_000, "is_last_try": True} | fields
    return blocks.take(identity=caller, gateway=gateway, **terms)


def used(caller: Identity, block: blocks.Taken, points: int) -> Attempt:
    PriceVersion.objects.get_or_create(version="1", defaults={"model": "m", "rates": {}})
    return Attempt(
        call=uuid.uuid4(),
        number=1,
        workspace_id=caller.workspace_id,
        key_id=caller.key_id,
        user_id=None,
        model="gpt-4o-mini",
        operation="chat",
        provider="openai",
        request_id="req_12345678",
        is_stream=False,
        block_id=block.id,
        price_version="1",
        end="completed",
        usage_source="reported",
        points=points,
    )


def balance(workspace: Workspace) -> tuple[int, int]:
    wallet = Wallet.objects.of(workspace.pk).get()
    return wallet.available, wallet.held


@pytest.mark.parametrize(
    ("points", "terms", "expected"),
    [
        (100_000, {}, 4_000),
        # Not more than a quarter of what there is, unless that is needed.
        (8_000, {}, 2_000),
        (3_000, {}, 1_000),
        (3_000, {"needed": 2_500}, 2_500),
        # With less than is needed whatever there is, down to the least.
        (700, {"least": 500}, 700),
    ],
)
def test_how_much_a_block_takes(points: int, terms: dict[str, int], expected: int):
    workspace = WorkspaceFactory.create(points=points)
    block = taken(identity(workspace), **terms)

    assert block is not None
    assert block.points == expected
    assert balance(workspace) == (points - expected, expected)


def test_too_little_is_first_none_and_then_an_error():
    workspace = WorkspaceFactory.create(points=999)
    caller = identity(workspace)

    assert taken(caller, is_last_try=False) is None
    with pytest.raises(InsufficientCredits):
        taken(caller)
    assert balance(workspace) == (999, 0)
    assert not CreditBlock.objects.of(workspace.pk).exists()


def test_a_cap_bounds_a_block_like_the_wallet_does(workspace: Workspace):
    block = taken(identity(workspace, cap_daily_points=2_000), needed=1_500)

    assert block is not None
    assert block.points == 1_500


def test_a_block_is_settled_once_to_what_its_rows_come_to(workspace: Workspace, caller: Identity):
    block = taken(caller)
    assert block is not None
    insert_now([used(caller, block, 300), used(caller, block, 400)])

    assert [blocks.settle(block_ids=[block.id]) for _ in range(2)] == [1, 0]
    assert balance(workspace) == (DOLLAR - 700, 0)
    assert CreditBlock.objects.of(workspace.pk).get().captured == 700
    assert differences() == []


def test_only_blocks_whose_lease_is_over_count_as_left_behind(
    workspace: Workspace, caller: Identity
):
    dead, living = taken(caller, "dead"), taken(caller, "living")
    assert dead is not None
    assert living is not None
    insert_now([used(caller, dead, 300), used(caller, living, 400)])
    _all(workspace).filter(pk=dead.id).update(lease_until=Now() - timedelta(seconds=1))

    assert [blocks.settle_dead() for _ in range(2)] == [1, 0]
    assert [(one.gateway, one.state) for one in _all(workspace).order_by("gateway")] == [
        ("dead", "settled"),
        ("living", "open"),
    ]
    assert balance(workspace) == (DOLLAR - 300 - 4_000, 4_000)
    assert differences() == []


def test_a_row_that_comes_after_its_block_was_settled_is_written_off(
    workspace: Workspace, caller: Identity
):
    block = taken(caller)
    assert block is not None
    in_time, late = used(caller, block, 300), used(caller, block, 400)
    insert_now([in_time])
    blocks.settle(block_ids=[block.id])
    # The same row once more is nothing, whatever became of its block.
    insert_now([late, in_time, late])

    rows = Usage.objects.of(workspace.pk).order_by("id").values_list("points", "written_off")
    assert list(rows) == [(300, 0), (0, 400)]
    assert balance(workspace) == (DOLLAR - 300, 0)
    assert differences() == []


def test_a_lease_is_extended_for_ones_own_blocks_only(workspace: Workspace, caller: Identity):
    mine, other = taken(caller, "mine"), taken(caller, "other")
    assert mine is not None
    assert other is not None
    _all(workspace).update(lease_until=Now() + timedelta(seconds=5))

    assert blocks.recall(workspace_id=workspace.pk, but="mine") == 1
    assert blocks.renew(gateway="mine") == {mine.id: False}
    assert blocks.recalled(gateway="other") == [other.id]
    assert blocks.count_elsewhere(workspace_id=workspace.pk, but="mine") == 1
    leases = dict(_all(workspace).values_list("gateway", "lease_until"))
    assert leases["mine"] - leases["other"] > timedelta(seconds=100)


def test_blocks_of_neighbours_are_not_recalled(workspace: Workspace, caller: Identity):
    neighbour = identity(WorkspaceFactory.create())
    block = taken(neighbour, "other")
    assert block is not None

    assert blocks.recall(workspace_id=workspace.pk, but="mine") == 0
    assert blocks.count_elsewhere(workspace_id=workspace.pk, but="mine") == 0
    assert blocks.recalled(gateway="other") == []


def _all(workspace: Workspace) -> Any:
    return CreditBlock.objects.of(workspace.pk)
