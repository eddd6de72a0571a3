"""Prices that the operator sets in place of the catalog's."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin

from apps.catalog import selectors
from apps.catalog.models import PriceOverride

if TYPE_CHECKING:
    PriceOverridePages = admin.ModelAdmin[PriceOverride]
    PriceOverrideFields = forms.ModelForm[PriceOverride]
else:  # generic for the type checker only
    PriceOverridePages = admin.ModelAdmin
    PriceOverrideFields = forms.ModelForm


class PriceOverrideForm(PriceOverrideFields):
    class Meta:
        model = PriceOverride
        fields = "__all__"
        help_texts = {
            "task_type": "Of a language model its kind, e.g. chat.",
            "rate": "Of a language model e.g. input, output, request or minimum.",
            "points_per_unit": "10000000 points are US$1. Of a language model per token, character, image, minute or"
            " request: 10 points a token are US$1 a million.",
        }

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        model, task_type, rate = (
            str(values.get(field) or "") for field in ("model", "task_type", "rate")
        )
        is_named = model and task_type and rate
        if is_named and not selectors.has_rate(model=model, task_type=task_type, rate=rate):
            self.add_error("rate", f"Nothing costs by it: {model} {task_type} has no rate {rate}.")
        return values


@admin.register(PriceOverride)
class PriceOverrideAdmin(PriceOverridePages):
    form = PriceOverrideForm
    list_display = (
        "model", "task_type", "rate", "points_per_unit", "plan", "workspace", "valid_from", "valid_to",
    )  # fmt: skip
    list_filter = ("model", "plan")
    search_fields = ("model", "task_type", "workspace__slug")
    autocomplete_fields = ("workspace",)
