"""Banned words in the operator's console."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.catalog.midjourney.banned_words import normalised
from apps.catalog.models import BannedWord
from apps.catalog.selectors import forget_banned_words

if TYPE_CHECKING:
    WordPages = admin.ModelAdmin[BannedWord]
    WordFields = forms.ModelForm[BannedWord]
else:  # generic for the type checker only
    WordPages = admin.ModelAdmin
    WordFields = forms.ModelForm


class WordForm(WordFields):
    class Meta:
        model = BannedWord
        fields = ("word", "is_enabled", "note")
        help_texts = {
            "word": "A single word refuses prompts that have it as a whole word. Words with a space between refuse "
            "prompts that have that text anywhere, inside longer words too.",
            "is_enabled": "A word that came with the platform is switched off here; it cannot be deleted.",
        }

    def clean_word(self) -> str:
        word = normalised(self.cleaned_data["word"])
        if not word:
            raise forms.ValidationError("Give a word.")
        return word


@admin.register(BannedWord)
class BannedWordAdmin(WordPages):
    form = WordForm
    list_display = ("word", "is_enabled", "is_default", "note", "updated_at")
    list_filter = ("is_enabled", "is_default", "note")
    search_fields = ("word", "note")
    ordering = ("word",)
    actions = ("enable", "disable")

    def get_readonly_fields(self, request: HttpRequest, obj: BannedWord | None = None) -> Any:
        # A default under another name would come back with the next update.
        return ("word",) if obj is not None and obj.is_default else ()

    def has_delete_permission(self, request: HttpRequest, obj: BannedWord | None = None) -> bool:
        is_default = obj is not None and obj.is_default
        return not is_default and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: BannedWord, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(forget_banned_words)

    def delete_model(self, request: HttpRequest, obj: BannedWord) -> None:
        super().delete_model(request, obj)
        transaction.on_commit(forget_banned_words)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[BannedWord]) -> None:
        super().delete_queryset(request, queryset)
        transaction.on_commit(forget_banned_words)

    @admin.action(description="Enable the chosen words", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[BannedWord]) -> None:
        self._switch(request, queryset, is_enabled=True)

    @admin.action(description="Disable the chosen words", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[BannedWord]) -> None:
        self._switch(request, queryset, is_enabled=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[BannedWord], *, is_enabled: bool
    ) -> None:
        count = queryset.update(is_enabled=is_enabled, updated_at=timezone.now())
        transaction.on_commit(forget_banned_words)
        self.message_user(request, f"Switched {'on' if is_enabled else 'off'}: {count}.")
