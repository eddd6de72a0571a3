"""Sharing a result: for how long, and how much of it."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.tasks.services.shares import LIVES


class ShareForm(forms.Form):
    """`cleaned_data["hours"]` is a number of `LIVES`."""

    hours = forms.TypedChoiceField(
        label=_("The link works for"),
        choices=[(hours, _(words)) for hours, words in LIVES.items()],
        coerce=int,
        initial=24,
    )
    shows_input = forms.BooleanField(label=_("Also show the input"), required=False)
