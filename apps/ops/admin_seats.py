"""Seats in the operator's console: what is rented, and what sits on it. Only read; Stripe has the last word."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from apps.billing.models import Seats
from apps.byoa.models import Account
from apps.core.money import format_usd
from apps.ops.acting import ActingAdmin


@admin.register(Seats)
class SeatsAdmin(ActingAdmin):
    list_display = (
        "workspace", "family", "quantity", "next_quantity", "seated", "parked", "first", "further", "state",
    )  # fmt: skip
    list_filter = ("family", "subscription__state")
    list_select_related = ("workspace", "subscription")
    search_fields = ("workspace__slug", "family")
    ordering = ("workspace__slug", "family")
    fields = (*list_display, "subscription")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(
            seated_=_accounts(is_seated=True), parked_=_accounts(is_seated=False)
        )
        return counted

    @admin.display(description="accounts on seats", ordering="seated_")
    def seated(self, obj: Any) -> int:
        return int(obj.seated_)

    @admin.display(description="accounts without", ordering="parked_")
    def parked(self, obj: Any) -> int:
        return int(obj.parked_)

    @admin.display(description="first a month", ordering="first_points")
    def first(self, obj: Seats) -> str:
        return format_usd(obj.first_points)

    @admin.display(description="each further", ordering="further_points")
    def further(self, obj: Seats) -> str:
        return format_usd(obj.further_points)

    @admin.display(ordering="subscription__state")
    def state(self, obj: Seats) -> str:
        return obj.subscription.get_state_display()


def _accounts(*, is_seated: bool) -> Coalesce:
    """How many accounts of the seats' workspace and family there are, on seats or without."""
    rows = Account.objects.across_workspaces().filter(
        workspace=OuterRef("workspace"),
        families__0=OuterRef("family"),
        seat_ended_at__isnull=is_seated,
    )
    counted = rows.order_by().values("workspace").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
