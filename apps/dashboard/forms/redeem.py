"""The form of a redeem code."""

from django import forms


class RedeemForm(forms.Form):
    code = forms.CharField(
        max_length=200,
        help_text="Letter case, spaces and dashes do not matter.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "mono",
            }
        ),
    )
