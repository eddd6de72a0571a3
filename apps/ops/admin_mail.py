"""Mails in the operator's console: to whom, about what, and how it went. What they say is not shown."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.notifications.models import Email

if TYPE_CHECKING:
    EmailPages = admin.ModelAdmin[Email]
else:  # generic for the type checker only
    EmailPages = admin.ModelAdmin

_SHOWN = (
    "to", "kind", "key", "workspace", "state", "attempts", "error", "created_at", "sent_at", "next_attempt_at",
    "attachment_name",
)  # fmt: skip


@admin.register(Email)
class EmailAdmin(EmailPages):
    list_display = ("created_at", "kind", "to", "state", "attempts", "error", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("workspace",)
    # An address as a whole: the table is no list to browse people by.
    search_fields = ("to__iexact", "workspace__slug__iexact")
    fields = readonly_fields = _SHOWN
    ordering = ("-id",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Email]:
        return Email.objects.across_workspaces().defer("text", "html", "attachment").order_by("-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Email | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Email | None = None) -> bool:
        return False
