"""Forms of limits on spending, in US dollars; empty means no limit."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ApiKey, Membership, Workspace
from apps.billing.services.budgets import KeyLimits, Limits, WorkspaceLimits
from apps.core.money import points_from_usd, usd
from apps.dashboard.forms.refusing import RefusingForm


def _dollars(**words: Any) -> forms.DecimalField:
    return forms.DecimalField(
        required=False, min_value=Decimal(0), max_digits=12, decimal_places=7, **words
    )


class LimitForm(RefusingForm):
    """What a member may spend."""

    cap_daily_usd = _dollars(label=_("At most per day, US$"))
    cap_monthly_usd = _dollars(label=_("At most per month, US$"))

    def limits(self) -> Limits:
        """The wish in points. Only after `is_valid`."""
        return Limits(**self._caps())

    def beside(self, field: str) -> str:
        return field.replace("_points", "_usd")

    def _caps(self) -> dict[str, int | None]:
        return {
            name.replace("_usd", "_points"): None if value is None else points_from_usd(value)
            for name, value in self.cleaned_data.items()
            if name.endswith("_usd")
        }


class KeyLimitForm(LimitForm):
    """What a key may spend."""

    cap_total_usd = _dollars(label=_("At most in total, US$"))

    def limits(self) -> KeyLimits:
        return KeyLimits(**self._caps())


class WorkspaceBudgetForm(LimitForm):
    """What the workspace may spend, and when its owners are written to."""

    low_balance_usd = _dollars(label=_("Mail owners when the balance falls below, US$"))
    budget_refuses = forms.BooleanField(
        label=_("Refuse new work at the limit"),
        required=False,
        help_text=_(
            "Off: nothing is refused, you are only told. Limits of members and keys always refuse."
        ),
    )

    def limits(self) -> WorkspaceLimits:
        return WorkspaceLimits(**self._caps(), budget_refuses=self.cleaned_data["budget_refuses"])


def shown(row: Workspace | Membership | ApiKey) -> dict[str, Any]:
    """What the form of this row starts with."""
    names = ("cap_daily", "cap_monthly", "cap_total", "low_balance")
    points = {name: getattr(row, f"{name}_points", None) for name in names}
    amounts = {
        f"{name}_usd": _plain(usd(value)) for name, value in points.items() if value is not None
    }
    return {**amounts, "budget_refuses": getattr(row, "budget_refuses", True)}


def _plain(amount: Decimal) -> str:
    """ "5", "0.05": as a person types it."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
