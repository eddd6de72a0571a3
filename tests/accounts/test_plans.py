"""What plans include: built-in terms, versions the operator publishes, and what was bought before."""

from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from apps.accounts import plans, selectors
from apps.accounts.models import PlanVersion, Workspace
from apps.accounts.policies import PLAN_TERMS, Feature, PlanTerms
from apps.core.errors import InvalidRequest
from apps.tasks.services import loads
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, api_key, identity, owner_of, task
from tests.tasks import rows

pytestmark = pytest.mark.django_db

DEVELOPER = PLAN_TERMS["developer"]


def publish(plan: str = "developer", **changes: object) -> PlanVersion:
    terms = replace(PLAN_TERMS[plan], **changes)
    with transaction.atomic():
        row = plans.publish(plan=plan, terms=terms, actor=None, note="test")
    selectors.forget_believed_keys()
    return row


def buy(workspace: Workspace, version: PlanVersion) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(plan=version.plan, plan_version=version)
    workspace.refresh_from_db()


@pytest.mark.parametrize("plan", ["hobbyist", "developer", "premium"])
def test_plan_without_versions_has_its_built_in_terms(plan: str):
    assert plans.terms_of(plan=plan, plan_version_id=None) == PLAN_TERMS[plan]
    assert PlanVersion.objects.count() == 0


def test_first_row_holds_the_built_in_terms_and_is_made_once():
    row = plans.current(plan="premium")

    assert plans.current(plan="premium") == row
    assert (row.version, plans.terms_of_version(row)) == (1, PLAN_TERMS["premium"])


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_first_row_made_by_many_at_once_is_one():
    assert at_once(*[lambda: plans.current(plan="premium")] * 6) == []
    assert PlanVersion.objects.count() == 1


def test_new_version_is_for_those_who_bought_none(workspace: Workspace):
    bought = plans.current(plan="developer")
    subscriber = WorkspaceFactory.create()
    buy(subscriber, bought)

    publish(concurrent_tasks=3, retention_days=1, share=7, features=frozenset())

    changed = replace(
        DEVELOPER, concurrent_tasks=3, retention_days=1, share=7, features=frozenset()
    )
    assert plans.terms_of_workspace(workspace) == changed
    assert plans.terms_of_workspace(subscriber) == DEVELOPER


def test_identity_of_a_key_carries_the_terms_that_were_bought(workspace: Workspace):
    subscriber = WorkspaceFactory.create()
    buy(subscriber, plans.current(plan="developer"))
    publish(concurrent_tasks=3)

    who, other = identity(subscriber), identity(workspace)

    assert (who.terms, who.concurrent_tasks) == (DEVELOPER, 10)
    assert (other.terms, other.concurrent_tasks) == (replace(DEVELOPER, concurrent_tasks=3), 3)


def test_identity_of_a_member_carries_the_terms_that_were_bought(workspace: Workspace):
    buy(workspace, plans.current(plan="developer"))
    publish(concurrent_tasks=3)

    who = selectors.identity_of_member(workspace=workspace, user=owner_of(workspace))

    assert (who.terms, who.concurrent_tasks) == (DEVELOPER, 10)


def test_operators_own_limit_goes_before_the_terms(workspace: Workspace):
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=1)
    publish(concurrent_tasks=3)

    assert identity(workspace).concurrent_tasks == 1


def test_version_of_another_plan_counts_for_nothing(workspace: Workspace):
    premium = plans.current(plan="premium")
    Workspace.objects.filter(pk=workspace.pk).update(plan_version=premium)
    workspace.refresh_from_db()

    assert plans.terms_of_workspace(workspace) == DEVELOPER


def test_shares_name_every_plan_and_version():
    bought = plans.current(plan="developer")
    newer = publish(share=9)

    assert plans.shares() == [
        plans.Share("hobbyist", None, 1),
        plans.Share("developer", None, 9),
        plans.Share("premium", None, 4),
        plans.Share("developer", bought.pk, 2),
        plans.Share("developer", newer.pk, 9),
    ]


def test_raised_limit_starts_what_was_staged(db: None):
    hobbyist = WorkspaceFactory.create(plan="hobbyist")
    for _ in range(4):
        task(hobbyist)

    publish("hobbyist", concurrent_tasks=3)
    loads.promote_staged()

    assert rows.loads(hobbyist) == {"local": (3, 1)}


def test_staged_tasks_are_limited_by_the_terms(db: None):
    publish("hobbyist", concurrent_tasks=1, staged_tasks=1)
    hobbyist = WorkspaceFactory.create(plan="hobbyist")
    for _ in range(2):
        task(hobbyist)

    with pytest.raises(Exception, match="as many local tasks"):
        task(hobbyist)


def test_known_key_costs_no_query_for_its_terms(workspace: Workspace, django_assert_num_queries):
    secret = api_key(workspace)
    selectors.identify(key=secret)

    with django_assert_num_queries(0):
        assert selectors.identify(key=secret).terms == DEVELOPER


def test_version_is_never_changed():
    row = plans.current(plan="developer")

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        PlanVersion.objects.filter(pk=row.pk).update(price_points=1)


def test_two_operators_at_once_make_two_versions(transactional_db: None):
    plans.current(plan="developer")

    assert at_once(*[publish] * 4) == []

    assert list(PlanVersion.objects.order_by("version").values_list("version", flat=True)) == [
        1, 2, 3, 4, 5,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "changes", "field"),
    [
        ("developer", {"price_points": 0}, "price_points"),
        ("developer", {"price_points": 150_000_001}, "price_points"),
        ("developer", {"price_points": -100_000}, "price_points"),
        ("developer", {"price_points": 10**18}, "price_points"),
        ("hobbyist", {"price_points": 10_000_000}, "price_points"),
        ("developer", {"share": 0}, "share"),
        ("developer", {"concurrent_tasks": 0}, "concurrent_tasks"),
        ("developer", {"retention_days": 0}, "retention_days"),
        ("developer", {"staged_tasks": -1}, "staged_tasks"),
        ("developer", {"features": frozenset({"time_travel"})}, "features"),
    ],
)
def test_terms_that_make_no_sense_are_refused(plan: str, changes: dict, field: str):
    terms: PlanTerms = replace(PLAN_TERMS[plan], **changes)

    with pytest.raises(InvalidRequest) as refused:
        plans.publish(plan=plan, terms=terms, actor=None, note="test")

    assert refused.value.detail == {"field": field}
    assert PlanVersion.objects.count() == 0


def test_version_needs_a_plan_and_a_note():
    for plan, note in (("gold", "test"), ("developer", "  ")):
        with pytest.raises(InvalidRequest):
            plans.publish(plan=plan, terms=DEVELOPER, actor=None, note=note)


def test_features_follow_the_plan():
    included = {plan: set(terms.features) for plan, terms in PLAN_TERMS.items()}

    assert included == {
        "hobbyist": set(),
        "developer": set(Feature) - {Feature.BOT_ID},
        "premium": set(Feature),
    }


@pytest.mark.django_db(transaction=True)
def test_publishing_is_told_to_every_process():
    with connection.cursor() as cursor:
        cursor.execute("LISTEN accounts_identity")
        plans.current(plan="developer")
        told = list(connection.connection.notifies(timeout=2, stop_after=1))
        cursor.execute("UNLISTEN *")

    assert [note.channel for note in told] == ["accounts_identity"]
