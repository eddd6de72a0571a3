"""How long results are kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.errors import PlanRequired
from apps.tasks import policies
from apps.tasks.models import Task


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
