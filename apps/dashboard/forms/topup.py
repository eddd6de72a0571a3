"""The form of a top-up. What may be paid is the service's word; here text becomes points."""

import uuid
from decimal import Decimal

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.money import format_usd, points_from_usd, usd
from apps.dashboard.forms.refusing import RefusingForm

PRESETS = (5, 20, 50, 100)
_FIRST_PRESET = "20"


class TopUpForm(RefusingForm):
    """A preset, or an own amount, which wins. `client_key` makes a form that is sent twice one top-up."""

    preset = forms.ChoiceField(
        choices=[(str(one), f"${one}") for one in PRESETS], required=False, initial=_FIRST_PRESET
    )
    own = forms.DecimalField(label=_("Or another amount, US$"), required=False, decimal_places=2)
    saves_card = forms.BooleanField(
        label=_("Save the card for automatic top-ups"),
        required=False,
        help_text=_(
            "It is kept by our payment provider, not by us, and you can remove it at any time."
        ),
    )
    client_key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        own = self.fields["own"]
        least = format_usd(settings.TOPUP_MIN_POINTS)
        own.help_text = gettext("From {amount}.").format(amount=least)
        own.widget.attrs |= {
            "min": str(usd(settings.TOPUP_MIN_POINTS)),
            "max": str(usd(settings.TOPUP_MAX_POINTS)),
            "step": "0.01",
            "inputmode": "decimal",
        }

    def clean(self) -> dict[str, object]:
        values = super().clean() or {}
        if not self.errors and not values.get("own") and not values.get("preset"):
            self.add_error("own", gettext("Choose an amount."))
        return values

    @property
    def amount_points(self) -> int:
        """What shall be credited. Only after `is_valid`."""
        own: Decimal | None = self.cleaned_data["own"]
        return points_from_usd(self.cleaned_data["preset"] if own is None else own)

    def beside(self, field: str) -> str:
        return "own" if field == "amount" else ""


def new_key() -> str:
    """What makes one form different from every other."""
    return uuid.uuid4().hex
