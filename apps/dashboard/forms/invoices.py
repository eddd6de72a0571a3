"""The form of whom invoices are made out to."""

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.billing.documents.words import countries
from apps.billing.models import BillingProfile
from apps.billing.services.billing_profiles import Details
from apps.dashboard.forms.refusing import RefusingForm


def _countries() -> list[tuple[str, str]]:
    return [("", gettext("Not said")), *countries().items()]


class DetailsForm(RefusingForm):
    company = forms.CharField(
        label=_("Company"),
        required=False,
        max_length=200,
        help_text=_("Empty: the name of the workspace."),
    )
    address = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    country = forms.ChoiceField(label=_("Country"), required=False, choices=_countries)
    tax_id = forms.CharField(
        label=_("Tax ID"),
        required=False,
        max_length=50,
        help_text=_("Such as a VAT number. Its form and check digits are looked at, nothing else."),
    )
    email = forms.EmailField(
        label=_("Invoices also go to"),
        required=False,
        help_text=_("Besides the owners and the members with the billing role."),
    )

    def details(self) -> Details:
        """Only after `is_valid`."""
        return Details(**self.cleaned_data)


def initial(profile: BillingProfile) -> dict[str, str]:
    return {name: getattr(profile, name) for name in Details.__dataclass_fields__}
