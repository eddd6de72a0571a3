"""What calls leave in the ledger, the daily sums and the statement."""

from datetime import timedelta

from django.utils import timezone

from apps.billing.models import CreditEntry
from apps.billing.selectors import transactions
from apps.tasks.models import UsageDay
from apps.tasks.selectors import credit_use
from apps.tasks.services import roll_up
from tests.llm.service import Service
from tests.llm.test_chat import COST


def test_a_block_is_one_hold_and_one_capture_and_counts_by_model(service: Service) -> None:
    for _ in range(3):
        service.chat("Hi")
    assert service.spent() == 3 * COST

    lines = CreditEntry.objects.of(service.workspace.pk).filter(reference__startswith="llm:")
    kinds = sorted(lines.values_list("kind", flat=True))
    assert kinds in (["CAPTURE", "HOLD"], ["CAPTURE", "CAPTURE", "HOLD", "HOLD"])
    roll_up.count_all_new()
    roll_up.count_all_new()
    days = UsageDay.objects.of(service.workspace.pk).filter(service_mode="llm")
    [row] = days.values("model", "task_type", "completed", "failed", "charged_points")
    assert row == {
        "model": "gpt-4o-mini",
        "task_type": "chat",
        "completed": 3,
        "failed": 0,
        "charged_points": 3 * COST,
    }
    assert list(roll_up.differences(first=timezone.now().date() - timedelta(days=1))) == []


def test_the_statement_names_the_model(service: Service) -> None:
    service.chat("Hi")
    service.settled()
    now = timezone.now()

    found = credit_use.used_by_model(
        workspace_id=service.workspace.pk, since=now - timedelta(hours=1), until=now
    )

    assert found == [credit_use.ModelUse("gpt-4o-mini", "chat", 1, COST)]


def test_a_block_that_nothing_came_of_is_no_line_for_people(service: Service) -> None:
    refused = service.chat({"fault": "status:400"})
    assert refused.status_code == 400
    service.settled()

    folded = transactions.page(
        workspace_id=service.workspace.pk, filter=transactions.LineFilter(), limit=50
    )

    assert [line.entry.kind for line in folded.lines] == ["GRANT"]
    kinds = CreditEntry.objects.of(service.workspace.pk).values_list("kind", flat=True)
    assert sorted(kinds) == ["GRANT", "HOLD", "RELEASE"]
