"""Who may do what: one table of roles, one of plans. Nothing here reads or writes the database."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_noop

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
    VIEW_ACCOUNTS = "view_accounts"  # the workspace's own accounts at providers, and how they do
    MANAGE_ACCOUNTS = "manage_accounts"
    DELETE_WORKSPACE = "delete_workspace"


_VIEWER = frozenset(
    {
        Permission.VIEW_TASKS,
        Permission.VIEW_CONTENT,
        Permission.VIEW_BALANCE,
        Permission.VIEW_ACCOUNTS,
    }
)
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
        Permission.MANAGE_ACCOUNTS,
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


class Feature(StrEnum):
    """What a plan may open; `PlanVersion.features` holds these words."""

    FILE_UPLOAD = "file_upload"  # POST /api/ephemeral_resource
    PREMIUM_LLM = "premium_llm"  # gpt-4o, Claude, vision, dall-e-3
    PUBLIC_GPTS = "public_gpts"  # GPTs on the operator's accounts
    NOTIFICATION_WEBHOOK = "notification_webhook"  # account events
    SUNO_LYRICS = "suno_lyrics"
    AUTO_UPLOAD = "auto_upload"
    BOT_ID = "bot_id"  # name the own account that takes a task


# As people read them, in this order.
FEATURE_WORDS: dict[Feature, str] = {
    Feature.FILE_UPLOAD: gettext_noop("File uploads by API"),
    Feature.PREMIUM_LLM: gettext_noop("gpt-4o, Claude, vision and dall-e-3"),
    Feature.PUBLIC_GPTS: gettext_noop("GPTs without an own account"),
    Feature.NOTIFICATION_WEBHOOK: gettext_noop("Webhooks about the account"),
    Feature.SUNO_LYRICS: gettext_noop("Suno lyrics"),
    Feature.AUTO_UPLOAD: gettext_noop("Automatic upload of results"),
    Feature.BOT_ID: gettext_noop("Choose the own account that takes a task"),
}


@dataclass(frozen=True)
class PlanTerms:
    """What a plan costs and includes; amounts are points a month.

    `concurrent_tasks` and `staged_tasks` count per family; `share` is its weight where workspaces queue.
    """

    rank: int
    share: int
    concurrent_tasks: int
    retention_days: int
    staged_tasks: int = 50
    price_points: int = 0
    monthly_credit_points: int = 0
    referral_cap: int = 200
    features: frozenset[str] = frozenset()

    def includes(self, feature: Feature) -> bool:
        return feature in self.features


_DEVELOPER_FEATURES = frozenset(Feature) - {Feature.BOT_ID}

# The terms a fresh installation sells. `accounts.plans` knows what the operator has published since.
PLAN_TERMS: dict[str, PlanTerms] = {
    Plan.HOBBYIST: PlanTerms(rank=0, share=1, concurrent_tasks=2, retention_days=3),
    Plan.DEVELOPER: PlanTerms(
        rank=1,
        share=2,
        concurrent_tasks=10,
        retention_days=7,
        price_points=150_000_000,
        features=_DEVELOPER_FEATURES,
    ),
    Plan.PREMIUM: PlanTerms(
        rank=2,
        share=4,
        concurrent_tasks=30,
        retention_days=30,
        price_points=600_000_000,
        monthly_credit_points=100_000_000,
        features=frozenset(Feature),
    ),
}


def plan_includes(plan: str, needed: str) -> bool:
    """Whether `plan` is the needed one or a higher one."""
    return PLAN_TERMS[plan].rank >= PLAN_TERMS[needed].rank
