"""The form of what is kept of LLM calls."""

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.accounts.services import MOST_CONTENT_DAYS


class ContentForm(forms.Form):
    is_on = forms.BooleanField(
        label=_("Keep what is said in LLM calls"),
        required=False,
        help_text=_(
            "Off, we keep times, tokens and costs, and nothing of what was asked and answered."
        ),
    )
    days = forms.IntegerField(
        label=_("Days until it is deleted"),
        min_value=1,
        max_value=MOST_CONTENT_DAYS,
        help_text=format_lazy(
            _("1 to {most}. It counts for calls from now on."), most=MOST_CONTENT_DAYS
        ),
    )
