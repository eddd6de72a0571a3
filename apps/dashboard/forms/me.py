"""Forms of a person's own pages."""

from typing import Any, cast

from django import forms

from apps.accounts.models import Language
from apps.accounts.services import people
from apps.dashboard.forms.team import RefusingForm


class ProfileForm(RefusingForm):
    name = forms.CharField(
        max_length=100, required=False, help_text="Others in your workspaces see it."
    )
    language = forms.ChoiceField(
        choices=Language.choices,
        help_text="Of all pages. What the API and invoices say stays in English.",
    )
    time_zone = forms.ChoiceField(
        required=False, help_text="Pages show times in it. Budgets and reports count UTC days."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        zones = [(name, name.replace("_", " ")) for name in people.time_zones()]
        cast(forms.ChoiceField, self.fields["time_zone"]).choices = [("", "UTC"), *zones[:-1]]


class DeleteForm(RefusingForm):
    email = forms.CharField(label="Your e-mail address", max_length=254)
