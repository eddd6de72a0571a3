"""The plans as they are sold today, side by side."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.accounts.policies import FEATURE_WORDS, PLAN_TERMS, PlanTerms


@dataclass(frozen=True)
class PlanCard:
    """One column."""

    plan: str
    name: str
    terms: PlanTerms

    @property
    def features(self) -> list[tuple[str, bool]]:
        return [
            (_(words), feature in self.terms.features) for feature, words in FEATURE_WORDS.items()
        ]


def plans_now() -> list[PlanCard]:
    """Cheapest first, with what somebody gets who comes today."""
    return [
        PlanCard(str(plan), str(Plan(plan).label), plans.newest_terms(plan=plan))
        for plan in PLAN_TERMS
    ]
