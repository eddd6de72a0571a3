"""Sharing a result: for how long, and how much of it."""

from django import forms

from apps.tasks.services.shares import LIVES


class ShareForm(forms.Form):
    """`cleaned_data["hours"]` is a number of `LIVES`."""

    hours = forms.TypedChoiceField(
        label="The link works for", choices=list(LIVES.items()), coerce=int, initial=24
    )
    shows_input = forms.BooleanField(label="Also show the input", required=False)
