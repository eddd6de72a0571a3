"""Each fault of LLM calls that the audit looks for, planted by hand: it is found."""

import uuid
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.accounts.selectors import identity_of_member
from apps.llm.models import CreditBlock
from apps.llm.services import blocks
from apps.llm.services.recorder import insert_now
from apps.ops import audit
from tests.factories import WorkspaceFactory, owner_of
from tests.llm.attempts import attempt_of

pytestmark = pytest.mark.django_db


def plant(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def taken(workspace: Workspace, points: int = 1000) -> CreditBlock:
    identity = identity_of_member(workspace=workspace, user=owner_of(workspace))
    found = blocks.take(
        identity=identity, gateway="g", wanted=points, needed=points, least=points, is_last_try=True
    )
    assert found is not None
    return CreditBlock.objects.of(workspace.pk).get(pk=found.id)


def settled(workspace: Workspace, points: int = 300) -> CreditBlock:
    block = taken(workspace)
    insert_now([attempt_of(block, points=points)])
    assert blocks.settle(block_ids=[block.pk]) == 1
    block.refresh_from_db()
    return block


def test_calls_that_were_charged_rightly_are_no_difference(workspace: Workspace) -> None:
    settled(workspace)
    taken(workspace)
    settled(WorkspaceFactory.create())

    assert audit.differences() == []


def test_a_block_whose_rows_do_not_come_to_what_it_took(workspace: Workspace) -> None:
    block = settled(workspace)
    # Past the writer, which charges nothing to a settled block.
    late = attempt_of(block, points=0)
    late.block_id = None
    insert_now([late])
    plant("SET session_replication_role = replica")
    plant(
        "UPDATE llm_usage SET points = 1, block_id = %s WHERE attempt = %s", block.pk, late.attempt
    )
    plant("SET session_replication_role = DEFAULT")

    assert audit.differences() == [f"block {block.pk} captured 300 points, its calls come to 301"]


def test_a_block_that_says_less_than_the_ledger(workspace: Workspace) -> None:
    block = settled(workspace)
    plant("UPDATE llm_creditblock SET captured = 1 WHERE id = %s", block.pk)

    assert audit.differences() == [
        f"block {block.pk} captured 1 points, the ledger 300",
        f"block {block.pk} captured 1 points, its calls come to 300",
    ]


def test_a_block_that_is_open_after_its_settlement(workspace: Workspace) -> None:
    block = settled(workspace)
    plant("UPDATE llm_creditblock SET state = 'open' WHERE id = %s", block.pk)

    assert audit.differences() == [f"block {block.pk} is open but its hold is settled"]


def test_a_block_without_a_hold_and_one_left_behind(workspace: Workspace) -> None:
    block = CreditBlock.objects.create(
        workspace=workspace, gateway="g", points=5, lease_until="2026-01-01T00:00:00Z"
    )

    assert audit.differences() == [
        f"block {block.pk} has no hold of its 5 points",
        f"block {block.pk} is open long past its lease (2026-01-01 00:00:00+00:00)",
    ]


def test_a_call_that_is_charged_twice(workspace: Workspace) -> None:
    block = taken(workspace)
    call = uuid.uuid4()
    insert_now([attempt_of(block, points=1, call=call), attempt_of(block, points=2, call=call)])

    assert audit.differences() == [f"call {call} is charged 2 times"]


def test_an_attempt_on_the_block_of_a_neighbour(workspace: Workspace) -> None:
    block = taken(workspace)
    attempt = attempt_of(block, points=1)
    attempt.workspace_id = WorkspaceFactory.create().pk
    insert_now([attempt])

    assert audit.differences() == [
        f"attempt {attempt.attempt} is charged to a block of somebody else, or to none"
    ]
