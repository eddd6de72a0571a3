"""Who may do what: one table of roles, one of plans. Nothing here reads or writes the database."""

from dataclasses import dataclass
from enum import StrEnum

from apps.accounts.models import Membership, Plan

Role = Membership.Role


class Permission(StrEnum):
    VIEW_TASKS = "view_tasks"  # status, cost and times, without prompts and outputs
    VIEW_CONTENT = "view_content"  # prompts and outputs
    RUN_TASKS = "run_tasks"
    MANAGE_OWN_KEYS = "manage_own_keys"
    MANAGE_KEYS = "manage_keys"
    VIEW_BALANCE = "view_balance"
    VIEW_BILLING = "view_billing"
    MANAGE_BILLING = "manage_billing"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_SETTINGS = "manage_settings"
    DELETE_WORKSPACE = "delete_workspace"


_VIEWER = frozenset({Permission.VIEW_TASKS, Permission.VIEW_CONTENT, Permission.VIEW_BALANCE})
_BILLING = frozenset(
    {
        Permission.VIEW_TASKS,
        Permission.VIEW_BALANCE,
        Permission.VIEW_BILLING,
        Permission.MANAGE_BILLING,
    }
)
_DEVELOPER = _VIEWER | {Permission.RUN_TASKS, Permission.MANAGE_OWN_KEYS}
_ADMIN = (
    _DEVELOPER
    | _BILLING
    | {
        Permission.MANAGE_KEYS,
        Permission.MANAGE_MEMBERS,
        Permission.MANAGE_SETTINGS,
    }
)

PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.OWNER: _ADMIN | {Permission.DELETE_WORKSPACE},
    Role.ADMIN: _ADMIN,
    Role.DEVELOPER: _DEVELOPER,
    Role.BILLING: _BILLING,
    Role.VIEWER: _VIEWER,
}


def may(role: str, permission: Permission) -> bool:
    return permission in PERMISSIONS.get(role, frozenset())


@dataclass(frozen=True)
class PlanTerms:
    """What a plan includes. `concurrent_tasks` counts per family; `share` is its weight where workspaces queue."""

    rank: int
    share: int
    concurrent_tasks: int
    retention_days: int
    file_upload: bool
    referral_cap: int = 200


PLAN_TERMS: dict[str, PlanTerms] = {
    Plan.HOBBYIST: PlanTerms(
        rank=0, share=1, concurrent_tasks=2, retention_days=3, file_upload=False
    ),
    Plan.DEVELOPER: PlanTerms(
        rank=1, share=2, concurrent_tasks=10, retention_days=7, file_upload=True
    ),
    Plan.PREMIUM: PlanTerms(
        rank=2, share=4, concurrent_tasks=30, retention_days=30, file_upload=True
    ),
}


def terms(plan: str) -> PlanTerms:
    return PLAN_TERMS[plan]


def concurrent_tasks(*, plan: str, override: int | None) -> int:
    """Tasks of one family that may be under way at once."""
    return PLAN_TERMS[plan].concurrent_tasks if override is None else override


def plan_includes(plan: str, needed: str) -> bool:
    """Whether `plan` is the needed one or a higher one."""
    return PLAN_TERMS[plan].rank >= PLAN_TERMS[needed].rank
