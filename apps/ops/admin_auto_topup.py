"""Automatic top-ups and saved cards in the operator's console: to look at. Customers set both themselves."""

from django.contrib import admin

from apps.billing.models import AutoTopUp, PaymentCustomer, TopUp
from apps.core.money import format_usd
from apps.ops.acting import ActingAdmin


@admin.register(AutoTopUp)
class AutoTopUpAdmin(ActingAdmin):
    list_display = ("workspace", "is_on", "mark", "amount", "last_started_at", "stopped_reason")
    list_filter = ("is_on",)
    list_select_related = ("workspace",)
    search_fields = ("workspace__slug",)
    ordering = ("-updated_at", "-workspace_id")
    fields = (
        "workspace", "is_on", "mark", "amount", "a_day", "a_month", "stopped_reason", "failures", "last_started_at",
        "newest", "changed_by", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="below", ordering="threshold_points")
    def mark(self, obj: AutoTopUp) -> str:
        return format_usd(obj.threshold_points)

    @admin.display(description="add", ordering="amount_points")
    def amount(self, obj: AutoTopUp) -> str:
        return format_usd(obj.amount_points)

    @admin.display(description="at most a day")
    def a_day(self, obj: AutoTopUp) -> str:
        return format_usd(obj.daily_cap_points)

    @admin.display(description="at most a month")
    def a_month(self, obj: AutoTopUp) -> str:
        return format_usd(obj.monthly_cap_points)

    @admin.display(description="newest automatic top-up")
    def newest(self, obj: AutoTopUp) -> str:
        found = TopUp.objects.of(obj.workspace_id).filter(kind=TopUp.Kind.AUTO)
        one = found.order_by("-created_at").first()
        if one is None:
            return "none"
        words = f"{one.pk}, {format_usd(one.amount_points)}, {one.get_state_display()}"
        return f"{words}: {one.failure}" if one.failure else words


@admin.register(PaymentCustomer)
class PaymentCustomerAdmin(ActingAdmin):
    """Not shown is what names the customer and the card at Stripe."""

    list_display = ("workspace", "card_brand", "card_last4", "expires", "created_at")
    list_select_related = ("workspace",)
    search_fields = ("workspace__slug",)
    ordering = ("-created_at", "-workspace_id")
    fields = ("workspace", "card_brand", "card_last4", "expires", "created_at")
    readonly_fields = fields

    @admin.display(description="valid until")
    def expires(self, obj: PaymentCustomer) -> str:
        if obj.card_exp_month is None or obj.card_exp_year is None:
            return ""
        return f"{obj.card_exp_month:02d}/{obj.card_exp_year}"
