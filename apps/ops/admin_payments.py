"""Card payments in the operator's console: payments with what went back, refunds, and what providers told us."""

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.billing.gateways import stripe as gateway
from apps.billing.models import (
    CreditEntry,
    InboundEvent,
    Payment,
    RefundRequest,
    Reversal,
    TopUp,
)
from apps.billing.services import payments, refunds
from apps.billing.services.inbox import resolve
from apps.core.logs import scrub
from apps.core.money import format_usd, points_from_usd
from apps.ops.acting import ActingAdmin, ReasonForm, Step

# Personal details of payers, which nobody needs to place a payment.
_HIDDEN = frozenset({
    "address", "billing_details", "customer_details", "customer_email", "email", "name", "phone", "receipt_email",
    "receipt_url", "client_secret", "url", "hosted_invoice_url", "invoice_pdf", "shipping", "owner",
})  # fmt: skip


class RefundForm(ReasonForm):
    amount = forms.DecimalField(
        label="Amount in US$, tax included",
        min_value=Decimal("0.01"),
        decimal_places=2,
        max_digits=12,
    )
    field_order = ("amount", "reason")


class MatchForm(ReasonForm):
    top_up = forms.UUIDField(
        label="Top-up", help_text="Its id, which customers see as case number."
    )
    field_order = ("top_up", "reason")


def _ask(row: Payment, actor: Any, given: dict[str, Any]) -> None:
    refunds.ask(
        payment_id=row.pk,
        points=points_from_usd(given["amount"]),
        reason=given["reason"],
        actor=actor,
    )


def _effect_of_refund(row: Payment) -> str:
    left = refunds.refundable(payment=row)
    return (
        f"Up to {format_usd(left)} can go back to the card. The credits it brought are taken back in proportion; what "
        "was spent of them becomes a debt, which later payments pay first. Above the limit a second person approves."
    )


@admin.register(Payment)
class PaymentAdmin(ActingAdmin):
    list_display = (
        "paid_at", "workspace", "kind", "provider", "total", "credited", "taken_back", "ref", "is_test",
    )  # fmt: skip
    list_filter = ("provider", "kind", "is_test", "paid_at")
    list_select_related = ("workspace",)
    search_fields = ("ref", "workspace__slug", "id", "top_up__id")
    ordering = ("-created_at", "-id")
    fields = (
        "id", "workspace", "kind", "provider", "ref", "top_up", "paid_at", "amount", "tax", "total", "credited",
        "taken_back", "method", "what_for", "went_back", "refunds_asked", "ledger", "is_test",
    )  # fmt: skip
    readonly_fields = fields
    steps = {
        "refund": Step(
            "Refund",
            _effect_of_refund,
            "Asked for. It is sent within a minute, or once a second person has approved it.",
            "billing.add_refundrequest",
            lambda row: refunds.refundable(payment=row) > 0,
            _ask,
            RefundForm,
        ),
    }

    @admin.display(description="without tax")
    def amount(self, obj: Payment) -> str:
        return format_usd(obj.amount_points)

    @admin.display(description="tax")
    def tax(self, obj: Payment) -> str:
        return format_usd(obj.tax_points)

    @admin.display(description="paid")
    def total(self, obj: Payment) -> str:
        return format_usd(obj.total_points)

    @admin.display(description="credited", ordering="credit_points")
    def credited(self, obj: Payment) -> str:
        return format_usd(obj.credit_points)

    @admin.display(description="taken back", ordering="clawed_points")
    def taken_back(self, obj: Payment) -> str:
        return format_usd(obj.clawed_points)

    @admin.display(description="what for")
    def what_for(self, obj: Payment) -> SafeString:
        rows = ((one["text"], format_usd(one["amount_points"])) for one in obj.lines)
        return format_html_join("", "{}: {}<br>", rows)

    @admin.display(description="went back")
    def went_back(self, obj: Payment) -> SafeString:
        found = Reversal.objects.of(obj.workspace_id).filter(payment=obj).order_by("created_at")
        rows = ((one.get_kind_display(), one.ref, _reversal(one), one.reason) for one in found)
        return format_html_join("", "{} {}: {} {}<br>", rows)

    @admin.display(description="refunds asked for")
    def refunds_asked(self, obj: Payment) -> SafeString:
        found = RefundRequest.objects.of(obj.workspace_id).filter(payment=obj)
        rows = (
            (
                reverse("admin:billing_refundrequest_change", args=[one.pk]),
                format_usd(one.amount_points),
                one.get_state_display(),
            )
            for one in found.order_by("created_at")
        )
        return format_html_join("", '<a href="{}">{}, {}</a><br>', rows)

    @admin.display(description="ledger lines")
    def ledger(self, obj: Payment) -> SafeString:
        cause = payments.reference(obj)
        found = CreditEntry.objects.of(obj.workspace_id).filter(reference__startswith=cause)
        rows = (
            (
                one.pk,
                one.get_kind_display(),
                format_usd(one.available_delta),
                format_usd(one.debt_delta),
            )
            for one in found.order_by("id")
        )
        return format_html_join("", "#{} {}: balance {}, debt {}<br>", rows)


def _reversal(one: Reversal) -> str:
    effect = "in effect" if one.is_in_effect else "not in effect"
    return f"{format_usd(one.amount_points)}, {one.status}, {effect}"


def _approve(row: RefundRequest, actor: Any, given: dict[str, Any]) -> None:
    refunds.approve(request_id=row.pk, actor=actor)


def _refuse(row: RefundRequest, actor: Any, given: dict[str, Any]) -> None:
    refunds.refuse(request_id=row.pk, actor=actor, reason=given["reason"])


def _is_asked(row: RefundRequest) -> bool:
    return row.state == RefundRequest.State.ASKED


@admin.register(RefundRequest)
class RefundRequestAdmin(ActingAdmin):
    list_display = (
        "created_at",
        "workspace",
        "amount",
        "state",
        "asked_by",
        "decided_by",
        "failure",
    )
    list_filter = ("state", "created_at")
    list_select_related = ("workspace", "asked_by", "decided_by")
    search_fields = ("payment__ref", "ref", "workspace__slug")
    ordering = ("-created_at", "-id")
    fields = (
        "id", "payment", "workspace", "amount", "reason", "state", "failure", "ref", "asked_by", "decided_by",
        "created_at", "decided_at",
    )  # fmt: skip
    readonly_fields = fields
    steps = {
        "approve": Step(
            "Approve",
            lambda row: (
                f"{format_usd(row.amount_points)} go back to the card. Reason given: {row.reason}"
            ),
            "Approved. It is sent within a minute.",
            "billing.change_refundrequest",
            _is_asked,
            _approve,
            forms.Form,
        ),
        "refuse": Step(
            "Refuse",
            lambda row: "No money goes back.",
            "Refused.",
            "billing.change_refundrequest",
            _is_asked,
            _refuse,
        ),
    }

    @admin.display(description="amount", ordering="amount_points")
    def amount(self, obj: RefundRequest) -> str:
        return format_usd(obj.amount_points)


def _again(row: InboundEvent, actor: Any, given: dict[str, Any]) -> None:
    resolve.again(event_id=row.pk)


def _ignore(row: InboundEvent, actor: Any, given: dict[str, Any]) -> None:
    resolve.ignore(event_id=row.pk, actor=actor, reason=given["reason"])


def _match(row: InboundEvent, actor: Any, given: dict[str, Any]) -> None:
    resolve.match(
        event_id=row.pk, top_up_id=UUID(str(given["top_up"])), actor=actor, reason=given["reason"]
    )


def _is_open(row: InboundEvent) -> bool:
    return row.state in (InboundEvent.State.UNMATCHED, InboundEvent.State.FAILED)


@admin.register(InboundEvent)
class InboundEventAdmin(ActingAdmin):
    tenant = False
    list_display = ("received_at", "source", "kind", "object_ref", "state", "attempts", "error")
    list_filter = ("state", "source", "received_at")
    search_fields = ("event_id", "object_ref", "kind")
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "source", "event_id", "kind", "object_ref", "state", "attempts", "error", "note", "resolved_by",
        "happened_at", "received_at", "handled_at", "next_at", "candidates", "as_told",
    )  # fmt: skip
    readonly_fields = fields
    steps = {
        "again": Step(
            "Handle again",
            lambda row: "The job asks the provider once more how it is now.",
            "It is looked at within seconds.",
            "billing.change_inboundevent",
            resolve.can_be_handled_again,
            _again,
            forms.Form,
        ),
        "match": Step(
            "Match",
            lambda row: "The workspace of the top-up gets credits for the sum that was paid, once.",
            "Credited.",
            "billing.change_inboundevent",
            lambda row: _is_open(row) and row.object_ref.startswith(("cs_", "pi_")),
            _match,
            MatchForm,
        ),
        "ignore": Step(
            "Ignore",
            lambda row: "It leaves the list of what somebody must look at. No credits move.",
            "Ignored.",
            "billing.change_inboundevent",
            _is_open,
            _ignore,
        ),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("payload")

    @admin.display(description="top-ups it may belong to")
    def candidates(self, obj: InboundEvent) -> str:
        """Unpaid top-ups of the same sum, from the day before on."""
        cents = _told(obj).get("amount_total") or _told(obj).get("amount_received")
        if not isinstance(cents, int) or not _is_open(obj):
            return "none"
        found = (
            TopUp.objects.across_workspaces()
            .select_related("workspace")
            .filter(amount_points=cents * gateway.CENT)
            .exclude(state=TopUp.State.CREDITED)
            .order_by("-created_at")[:10]
        )
        rows = (
            (one.pk, one.workspace.slug, format_usd(one.amount_points), one.state) for one in found
        )
        return format_html_join("", "{} of {}: {}, {}<br>", rows)

    @admin.display(description="as told, without personal details")
    def as_told(self, obj: InboundEvent) -> SafeString:
        return format_html("<pre>{}</pre>", scrub(json.dumps(_shown(obj.payload), indent=2)))


def _told(event: InboundEvent) -> dict[str, Any]:
    data = event.payload.get("data") if isinstance(event.payload, dict) else None
    about = data.get("object") if isinstance(data, dict) else None
    return about if isinstance(about, dict) else {}


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "[removed]" if name in _HIDDEN and part else _shown(part)
            for name, part in value.items()
        }
    return [_shown(part) for part in value] if isinstance(value, list) else value
