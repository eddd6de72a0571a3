"""The form of automatic top-ups. What may be set is the service's word; here text becomes points."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.billing.models import AutoTopUp
from apps.billing.services.auto_topup.terms import Wanted
from apps.core.money import POINTS_PER_USD, format_usd, points_from_usd, usd
from apps.dashboard.forms.refusing import RefusingForm

# What the form suggests: below $5 add $20, at most $40 a day and $100 a month.
_SUGGESTED = {"threshold": 5, "amount": 20, "daily_cap": 40, "monthly_cap": 100}


def _dollars(**words: Any) -> forms.DecimalField:
    field = forms.DecimalField(min_value=Decimal(0), max_digits=12, decimal_places=2, **words)
    field.widget.attrs |= {"step": "0.01", "inputmode": "decimal"}
    return field


class AutoTopUpForm(RefusingForm):
    is_on = forms.BooleanField(label=_("Top up by itself"), required=False)
    threshold_usd = _dollars(label=_("Balance below, US$"))
    amount_usd = _dollars(label=_("Add, US$"))
    daily_cap_usd = _dollars(label=_("At most per day, US$"))
    monthly_cap_usd = _dollars(label=_("At most per month, US$"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        least = format_usd(settings.TOPUP_MIN_POINTS)
        self.fields["amount_usd"].help_text = gettext("From {amount}.").format(amount=least)
        self.fields["monthly_cap_usd"].help_text = gettext(
            "Days and months are UTC; taxes come on top."
        )

    def wanted(self) -> Wanted:
        """The wish in points. Only after `is_valid`."""
        points = {
            name.replace("_usd", "_points"): points_from_usd(value)
            for name, value in self.cleaned_data.items()
            if name.endswith("_usd")
        }
        return Wanted(is_on=self.cleaned_data["is_on"], **points)

    def beside(self, field: str) -> str:
        return field.replace("_points", "_usd")


def shown(row: AutoTopUp | None) -> dict[str, Any]:
    """What the form begins with: what is set, or a suggestion."""
    points = {
        name: getattr(row, f"{name}_points") if row else dollars * POINTS_PER_USD
        for name, dollars in _SUGGESTED.items()
    }
    amounts = {f"{name}_usd": f"{usd(value):.2f}" for name, value in points.items()}
    return {**amounts, "is_on": row is not None and row.is_on}
