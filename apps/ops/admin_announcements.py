"""What the operator tells everybody, written in the operator's console; its history says who changed what."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.byoa.selectors import family_title
from apps.catalog import registry
from apps.notifications.announcements import forget_announcements
from apps.notifications.models import Announcement

if TYPE_CHECKING:
    AnnouncementPages = admin.ModelAdmin[Announcement]
    AnnouncementFields = forms.ModelForm[Announcement]
else:  # generic for the type checker only
    AnnouncementPages = admin.ModelAdmin
    AnnouncementFields = forms.ModelForm

_EVERYTHING = ("", "Everything")
_LANGUAGE_MODELS = ("llm", "Language models")


def _families() -> list[tuple[str, str]]:
    named = [(family, family_title(family)) for family in registry.families()]
    return [_EVERYTHING, _LANGUAGE_MODELS, *sorted(named, key=lambda one: one[1])]


class AnnouncementForm(AnnouncementFields):
    family = forms.ChoiceField(
        choices=_families,
        required=False,
        help_text="What it is about; the status page shows it there.",
    )

    class Meta:
        model = Announcement
        fields = (
            "kind", "title", "text", "family", "starts_at", "ends_at", "resolved_at", "on_strip", "on_status",
            "on_changelog",
        )  # fmt: skip
        help_texts = {
            "title": "A whole sentence: what happens, since when. It stands alone above pages.",
            "text": "Plain text; an empty line begins a paragraph. What it means, and what customers can do.",
            "ends_at": "Empty: until it is resolved.",
            "on_strip": "Above every page while it holds, unless something worse is there.",
            "on_status": "On the status page, and in its history afterwards.",
            "on_changelog": "On the changelog and in its feed, for good.",
        }

    def clean(self) -> dict[str, Any] | None:
        found = super().clean() or {}
        starts_at, ends_at = found.get("starts_at"), found.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "It ends before it starts.")
        return found


@admin.register(Announcement)
class AnnouncementAdmin(AnnouncementPages):
    form = AnnouncementForm
    list_display = ("title", "kind", "family", "starts_at", "ends_at", "resolved_at", "on_strip")
    list_filter = ("kind", "on_strip", "on_status", "on_changelog")
    search_fields = ("title", "text")
    ordering = ("-starts_at", "-id")
    actions = ("resolve",)

    def save_model(self, request: HttpRequest, obj: Announcement, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(forget_announcements)

    def delete_model(self, request: HttpRequest, obj: Announcement) -> None:
        super().delete_model(request, obj)
        transaction.on_commit(forget_announcements)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Announcement]) -> None:
        super().delete_queryset(request, queryset)
        transaction.on_commit(forget_announcements)

    @admin.action(description="Resolve the chosen announcements now", permissions=["change"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Announcement]) -> None:
        open_ones = list(queryset.filter(resolved_at=None))
        for one in open_ones:
            one.resolved_at = timezone.now()
            one.save(update_fields=["resolved_at", "updated_at"])
            self.log_change(request, one, "Resolved.")
        transaction.on_commit(forget_announcements)
        self.message_user(request, f"Resolved: {len(open_ones)}.", messages.SUCCESS)
