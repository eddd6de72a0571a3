"""The form of what is kept of LLM calls."""

from django import forms

from apps.accounts.services import MOST_CONTENT_DAYS


class ContentForm(forms.Form):
    is_on = forms.BooleanField(
        label="Keep what is said in LLM calls",
        required=False,
        help_text="Off, we keep times, tokens and costs, and nothing of what was asked and answered.",
    )
    days = forms.IntegerField(
        label="Days until it is deleted",
        min_value=1,
        max_value=MOST_CONTENT_DAYS,
        help_text=f"1 to {MOST_CONTENT_DAYS}. It counts for calls from now on.",
    )
