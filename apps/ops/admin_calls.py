"""LLM calls in the operator's console: attempts, blocks and prices, to look at. What was said is not shown."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.money import format_usd
from apps.llm.models import CreditBlock, PriceVersion, Usage

if TYPE_CHECKING:
    Pages = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    Pages = admin.ModelAdmin


class _ToLookAt(Pages):
    """Rows that nobody changes: they are what was charged."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


@admin.register(Usage)
class UsageAdmin(_ToLookAt):
    list_display = (
        "created_at", "workspace", "model", "provider", "account", "number", "end", "input_tokens", "output_tokens",
        "cost", "first_ms", "total_ms",
    )  # fmt: skip
    list_filter = ("end", "usage_source", "provider", "operation")
    list_select_related = ("workspace", "account")
    search_fields = ("call", "request_id", "workspace__slug__iexact", "model")
    ordering = ("-id",)
    fields = readonly_fields = (
        "created_at", "workspace", "api_key", "call", "attempt", "number", "model", "operation", "provider", "account",
        "service_mode", "is_stream", "end", "error", "usage_source", "input_tokens", "cached_tokens", "output_tokens",
        "reasoning_tokens", "units", "cost", "lost", "price", "block", "first_ms", "total_ms", "request_id",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Usage]:
        return Usage.objects.across_workspaces().order_by("-id")

    @admin.display(description="cost")
    def cost(self, obj: Usage) -> str:
        return format_usd(obj.points)

    @admin.display(description="written off")
    def lost(self, obj: Usage) -> str:
        return format_usd(obj.written_off)


@admin.register(CreditBlock)
class CreditBlockAdmin(_ToLookAt):
    list_display = (
        "created_at", "workspace", "api_key", "state", "held", "spent", "gateway", "lease_until", "settled_at",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("workspace", "api_key")
    search_fields = ("id", "workspace__slug__iexact", "gateway")
    ordering = ("-created_at",)
    fields = readonly_fields = ("id", *list_display, "is_recalled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditBlock]:
        return CreditBlock.objects.across_workspaces().order_by("-created_at")

    @admin.display(description="held")
    def held(self, obj: CreditBlock) -> str:
        return format_usd(obj.points)

    @admin.display(description="spent")
    def spent(self, obj: CreditBlock) -> str:
        return format_usd(obj.captured)


@admin.register(PriceVersion)
class PriceVersionAdmin(_ToLookAt):
    list_display = ("first_used_at", "model", "version", "minimum_points")
    search_fields = ("model", "version")
    ordering = ("-first_used_at",)
    fields = readonly_fields = (*list_display, "rates")
