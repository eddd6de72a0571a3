"""How long results are kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.errors import PlanRequired
from apps.files.models import StoredFile
from apps.tasks import policies
from apps.tasks.models import Task
from apps.tasks.services.execute import execute
from tests.factories import task


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("retention", "plan", "kept"),
    [
        ("1h", "premium", timedelta(hours=1)),
        ("1d", "hobbyist", timedelta(days=1)),
        ("plan", "hobbyist", timedelta(days=3)),
        ("plan", "developer", timedelta(days=7)),
        ("plan", "premium", timedelta(days=30)),
        ("1y", "premium", timedelta(days=365)),
        # Asked for when the plan still included it.
        ("1y", "hobbyist", timedelta(days=365)),
    ],
)
def test_outputs_are_kept_as_asked(retention: str, plan: str, kept: timedelta):
    task = Task(workspace=Workspace(plan=plan), retention=retention)

    before = timezone.now()
    expires_at = policies.outputs_expire_at(task)

    assert before + kept <= expires_at <= timezone.now() + kept


@pytest.mark.parametrize("plan", ["hobbyist", "developer"])
def test_a_year_needs_premium(plan: str):
    with pytest.raises(PlanRequired) as caught:
        policies.check_retention(retention="1y", plan=plan)

    assert caught.value.detail == {"needed_plan": "premium", "field": "config.retention"}
    policies.check_retention(retention="1y", plan="premium")


@pytest.mark.parametrize("retention", ["1h", "1d", "plan"])
def test_shorter_times_are_everybodys(retention: str):
    policies.check_retention(retention=retention, plan="hobbyist")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("retention", "kept"), [("1h", timedelta(hours=1)), ("plan", timedelta(days=7))]
)
def test_files_of_a_task_are_kept_as_long_as_it_asked(
    workspace: Workspace, retention: str, kept: timedelta
):
    one = task(workspace, retention=retention)

    execute(task_id=one.id)

    file = StoredFile.objects.of(workspace.pk).get(task_id=one.id)
    assert abs(file.expires_at - timezone.now() - kept) < timedelta(minutes=1)
