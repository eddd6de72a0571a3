"""A whole answer that was charged and never left is taken back: row, sums by the hour, and nothing else."""

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import Workspace
from apps.accounts.selectors import identity_of_member
from apps.llm.models import CreditBlock, Usage, UsageHour
from apps.llm.services import blocks, roll_up
from apps.llm.services.attempts import Attempt
from apps.llm.services.recorder import insert_now
from apps.llm.services.taking_back import take_back
from apps.ops.audit import differences
from tests.factories import owner_of
from tests.llm.attempts import attempt_of

pytestmark = pytest.mark.django_db


def charged(workspace: Workspace, *, is_stream: bool = False) -> tuple[CreditBlock, Attempt]:
    identity = identity_of_member(workspace=workspace, user=owner_of(workspace))
    found = blocks.take(
        identity=identity, gateway="g", wanted=1000, needed=1000, least=1000, is_last_try=True
    )
    assert found is not None
    block = CreditBlock.objects.of(workspace.pk).get(pk=found.id)
    attempt = attempt_of(block, points=25)
    attempt.is_stream = is_stream
    insert_now([attempt])
    return block, attempt


def summed(workspace: Workspace) -> tuple[int, int, int, int]:
    row = UsageHour.objects.of(workspace.pk).get()
    return row.calls, row.failed, row.points, row.output_tokens


@pytest.mark.parametrize("is_summed", [True, False])
def test_it_costs_nothing_whether_it_was_summed_or_not(
    workspace: Workspace, is_summed: bool
) -> None:
    block, attempt = charged(workspace)
    if is_summed:
        roll_up.sum_up()
        assert summed(workspace) == (1, 0, 25, 3)

    assert [take_back([attempt.attempt]), take_back([attempt.attempt])] == [1, 0]

    row = Usage.objects.of(workspace.pk).get()
    assert (row.end, row.points, row.output_tokens, row.usage_source) == (
        "gateway_lost",
        0,
        0,
        "none",
    )
    assert row.error == "The gateway died before the answer left; 25 points were taken back."
    roll_up.sum_up()
    assert summed(workspace) == (1, 1, 0, 0)
    blocks.settle(block_ids=[block.pk])
    block.refresh_from_db()
    assert block.captured == 0
    assert differences() == []


def test_streams_and_what_is_settled_stay(workspace: Workspace) -> None:
    _, stream = charged(workspace, is_stream=True)
    block, whole = charged(workspace)
    blocks.settle(block_ids=[block.pk])

    assert take_back([stream.attempt, whole.attempt]) == 0
    assert sorted(Usage.objects.of(workspace.pk).values_list("points", flat=True)) == [25, 25]


@pytest.mark.parametrize(
    "change", ["points = 24", "model = 'x', points = 0, \"end\" = 'gateway_lost'", "error = 'x'"]
)
def test_nothing_else_of_a_row_can_be_changed(workspace: Workspace, change: str) -> None:
    charged(workspace)

    with (
        pytest.raises(IntegrityError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE llm_usage SET " + change)  # noqa: S608 - words of this test
