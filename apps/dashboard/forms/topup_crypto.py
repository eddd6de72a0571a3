"""The form of a top-up by coin: which coin, and how much."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.billing.services import processors
from apps.core.money import format_usd, points_from_usd, usd
from apps.core.sentences import said
from apps.dashboard.forms.refusing import RefusingForm
from apps.dashboard.forms.topup import new_key


class CryptoForm(RefusingForm):
    """`client_key` makes a form that is sent twice one top-up."""

    coin = forms.ChoiceField(label=_("Token and network"))
    amount = forms.DecimalField(label=_("Amount, US$"), decimal_places=2, initial=20)
    client_key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        cast(forms.ChoiceField, self.fields["coin"]).choices = _coins()
        amount = self.fields["amount"]
        amount.help_text = gettext("From {amount}.").format(
            amount=format_usd(settings.TOPUP_MIN_POINTS)
        )
        amount.widget.attrs |= {
            "min": str(usd(settings.TOPUP_MIN_POINTS)),
            "max": str(usd(settings.TOPUP_MAX_POINTS)),
            "step": "0.01",
            "inputmode": "decimal",
        }

    @property
    def amount_points(self) -> int:
        """Only after `is_valid`."""
        return points_from_usd(self.cleaned_data["amount"])

    def beside(self, field: str) -> str:
        return field if field in {"amount", "coin"} else ""


def _coins() -> list[tuple[str, str]]:
    return [(value, said(words)) for value, words in processors.choices()]


def fresh() -> CryptoForm | None:
    """A form of its own; None where no coin is taken."""
    if not processors.choices():
        return None
    return CryptoForm(initial={"client_key": new_key()}, auto_id="crypto_%s")
