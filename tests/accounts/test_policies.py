import pytest

from apps.accounts import policies
from apps.accounts.models import Membership
from apps.accounts.policies import Feature, Permission, PlanTerms

# The whole table: o owner, a admin, d developer, b billing, v viewer.
TABLE = {
    "view_tasks": "oadbv",
    "view_content": "oad.v",
    "run_tasks": "oad..",
    "manage_own_keys": "oad..",
    "manage_keys": "oa...",
    "view_balance": "oadbv",
    "view_billing": "oa.b.",
    "manage_billing": "oa.b.",
    "manage_members": "oa...",
    "manage_settings": "oa...",
    "view_accounts": "oad.v",
    "manage_accounts": "oa...",
    "delete_workspace": "o....",
}


@pytest.mark.parametrize("role", Membership.Role.values)
def test_role_may_do_exactly_what_the_table_says(role: str):
    allowed = {permission.value for permission in Permission if policies.may(role, permission)}

    assert allowed == {name for name, roles in TABLE.items() if role[0] in roles}


def test_table_names_every_permission_and_every_role():
    assert {permission.value for permission in Permission} == set(TABLE)
    assert set(policies.PERMISSIONS) == set(Membership.Role.values)


@pytest.mark.parametrize("role", ["", "root", "Owner"])
def test_unknown_role_may_do_nothing(role: str):
    assert not any(policies.may(role, permission) for permission in Permission)


def test_plans_include_what_they_promise():
    assert {
        "hobbyist": PlanTerms(rank=0, share=1, concurrent_tasks=2, retention_days=3),
        "developer": PlanTerms(
            rank=1,
            share=2,
            concurrent_tasks=10,
            retention_days=7,
            price_points=150_000_000,
            features=frozenset(Feature) - {"bot_id"},
        ),
        "premium": PlanTerms(
            rank=2,
            share=4,
            concurrent_tasks=30,
            retention_days=30,
            price_points=600_000_000,
            monthly_credit_points=100_000_000,
            features=frozenset(Feature),
        ),
    } == policies.PLAN_TERMS


@pytest.mark.parametrize(
    ("plan", "included"),
    [
        ("hobbyist", {"hobbyist"}),
        ("developer", {"hobbyist", "developer"}),
        ("premium", {"hobbyist", "developer", "premium"}),
    ],
)
def test_plan_includes_itself_and_those_below(plan: str, included: set[str]):
    assert {p for p in policies.PLAN_TERMS if policies.plan_includes(plan, p)} == included
