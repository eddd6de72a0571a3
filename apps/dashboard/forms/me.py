"""Forms of a person's own pages."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy

from apps.accounts.models import Language
from apps.accounts.services import people
from apps.dashboard.forms.refusing import RefusingForm


class ProfileForm(RefusingForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Others in your workspaces see it."),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=Language.choices,
        help_text=gettext_lazy("Of all pages. What the API and invoices say stays in English."),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        help_text=gettext_lazy("Pages show times in it. Budgets and reports count UTC days."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        zones = [(name, name.replace("_", " ")) for name in people.time_zones()]
        cast(forms.ChoiceField, self.fields["time_zone"]).choices = [("", "UTC"), *zones[:-1]]


class DeleteForm(RefusingForm):
    email = forms.CharField(label=gettext_lazy("Your e-mail address"), max_length=254)
