"""The form of a redeem code."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class RedeemForm(forms.Form):
    code = forms.CharField(
        label=pgettext_lazy("to redeem", "Code"),
        max_length=200,
        help_text=_("Letter case, spaces and dashes do not matter."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "mono",
            }
        ),
    )
