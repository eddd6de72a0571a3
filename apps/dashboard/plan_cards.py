"""The plans side by side, in words: what each costs and opens, and what pressing its button does."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts import plans
from apps.accounts.models import Plan, Workspace
from apps.accounts.policies import FEATURE_WORDS, PLAN_TERMS, PlanTerms
from apps.billing.models import Subscription
from apps.core.money import format_usd


@dataclass(frozen=True)
class Card:
    """One column. `move` is what its button does: subscribe, upgrade, downgrade, cancel, or nothing."""

    plan: str
    name: str
    terms: PlanTerms
    is_current: bool
    is_next: bool
    move: str

    @property
    def features(self) -> list[tuple[str, bool]]:
        return [
            (_(words), feature in self.terms.features) for feature, words in FEATURE_WORDS.items()
        ]


def cards(workspace: Workspace, row: Subscription | None) -> list[Card]:
    """All plans, cheapest first: one's own with the terms that were bought, the others as sold today."""
    return [_card(Plan(plan), workspace, row) for plan in PLAN_TERMS]


def _card(plan: Plan, workspace: Workspace, row: Subscription | None) -> Card:
    is_current = workspace.plan == plan
    own = plans.terms_of_workspace(workspace)
    terms = own if is_current else plans.newest_terms(plan=plan)
    return Card(
        plan=str(plan),
        name=str(plan.label),
        terms=terms,
        is_current=is_current,
        is_next=row is not None and _next_plan(row) == plan,
        move=move_to(plan, row),
    )


def _next_plan(row: Subscription) -> str:
    """What follows after the paid period; empty when nothing changes."""
    if row.next_version is not None:
        return row.next_version.plan
    return Plan.HOBBYIST if row.cancels_at_period_end and row.plan_version else ""


def move_to(plan: str, row: Subscription | None) -> str:
    """What choosing the plan would mean, as the subscription is now."""
    target = plans.newest_terms(plan=plan)
    if row is None:
        return "subscribe" if target.price_points else ""
    if row.state != Subscription.State.ACTIVE or _next_plan(row):
        return ""
    paid = row.plan_version
    if target.price_points == 0:
        return "cancel" if paid else ""
    if paid is None or target.price_points > paid.price_points:
        return "upgrade"
    return "" if paid.plan == plan or target.price_points == paid.price_points else "downgrade"


def losses(have: PlanTerms, get: PlanTerms) -> list[str]:
    """What is lost with a change, in sentences."""
    found = []
    if get.concurrent_tasks < have.concurrent_tasks:
        found.append(
            _("{get} tasks of a family at once instead of {have}; running ones finish.").format(
                get=get.concurrent_tasks, have=have.concurrent_tasks
            )
        )
    if get.retention_days < have.retention_days:
        found.append(
            _("New results are kept {get} days instead of {have}.").format(
                get=get.retention_days, have=have.retention_days
            )
        )
    if get.monthly_credit_points < have.monthly_credit_points:
        found.append(_("Fewer credits come with the month."))
    found += [
        _("No more: {words}.").format(words=_(words))
        for feature, words in FEATURE_WORDS.items()
        if feature in have.features and feature not in get.features
    ]
    return found


def gains(have: PlanTerms, get: PlanTerms) -> list[str]:
    """What comes with a change, in sentences."""
    found = []
    if get.concurrent_tasks > have.concurrent_tasks:
        found.append(
            _("{get} tasks of a family at once instead of {have}.").format(
                get=get.concurrent_tasks, have=have.concurrent_tasks
            )
        )
    if get.retention_days > have.retention_days:
        found.append(_("Results are kept {days} days.").format(days=get.retention_days))
    if get.monthly_credit_points > have.monthly_credit_points:
        credits = format_usd(get.monthly_credit_points)
        found.append(_("{credits} of credits come with every month.").format(credits=credits))
    found += [
        _("{words}.").format(words=_(words))
        for feature, words in FEATURE_WORDS.items()
        if feature in get.features and feature not in have.features
    ]
    return found
