"""Redeem codes in the operator's console: batches are made, exported once and ended; codes are found and ended."""

import csv
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from apps.accounts.models import Plan
from apps.billing.models import CodeBatch, RedeemCode
from apps.billing.services.codes import batches
from apps.core.errors import InvalidRequest
from apps.core.money import format_gift, format_usd, points_from_credits
from apps.ops.acting import ActingAdmin, Step


class BatchForm(forms.ModelForm):  # type: ignore[type-arg] # generic for the type checker only
    credits = forms.IntegerField(
        min_value=1, max_value=7_000_000, help_text="Of each code. 700 are US$1."
    )
    count = forms.IntegerField(min_value=1, max_value=batches.MOST_CODES)
    plan = forms.ChoiceField(
        required=False,
        choices=[("", "Every plan"), *Plan.choices],
        help_text="Only workspaces of this plan can redeem them.",
    )

    class Meta:
        model = CodeBatch
        fields = (
            "name", "prefix", "credits", "count", "expires_at", "credits_last_days", "is_once_per_user", "plan",
        )  # fmt: skip

    def clean_prefix(self) -> str:
        return str(self.cleaned_data["prefix"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            try:
                batches.check(self.terms())
            except InvalidRequest as refused:
                name = str((refused.detail or {}).get("field", ""))
                words = refused.message.removeprefix(f"{name}: ")
                self.add_error(name if name in self.fields else None, words)
        return self.cleaned_data

    def terms(self) -> batches.BatchTerms:
        values = dict(self.cleaned_data)
        return batches.BatchTerms(points=points_from_credits(values.pop("credits")), **values)


def _export(row: CodeBatch, actor: Any, given: dict[str, Any]) -> HttpResponse:
    codes = batches.export(batch_id=row.pk)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="codes-{row.prefix}-{row.pk}.csv"'
    answer["Cache-Control"] = "no-store"
    csv.writer(answer).writerows([["code"], *([code] for code in codes)])
    return answer


def _void(row: CodeBatch, actor: Any, given: dict[str, Any]) -> None:
    batches.void(batch_id=row.pk)


def _void_code(row: RedeemCode, actor: Any, given: dict[str, Any]) -> None:
    batches.void_code(code_id=row.pk)


@admin.register(CodeBatch)
class CodeBatchAdmin(ActingAdmin):
    form = BatchForm
    tenant = False
    list_display = (
        "name", "prefix", "each", "count", "redeemed", "cost", "expires_at", "plan", "exported_at", "voided_at",
    )  # fmt: skip
    list_filter = ("plan", "voided_at")
    search_fields = ("name", "prefix")
    ordering = ("-id",)
    shown = (
        "name", "prefix", "each", "count", "redeemed", "cost", "expires_at", "credits_last_days", "is_once_per_user",
        "plan", "created_by", "created_at", "exported_at", "voided_at",
    )  # fmt: skip
    steps = {
        "export": Step(
            "Export the codes",
            lambda row: (
                "Downloads the plain codes, this one time: afterwards nobody can read them, not even you. "
                "If the file gets lost, void the batch and make another."
            ),
            "",
            "billing.change_codebatch",
            lambda row: bool(row.sealed_codes),
            _export,
            forms.Form,
        ),
        "void": Step(
            "Void",
            lambda row: (
                "No code of the batch can be redeemed any more. Credits that were redeemed stay."
            ),
            "The batch has ended.",
            "billing.change_codebatch",
            lambda row: row.voided_at is None,
            _void,
            forms.Form,
        ),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        used = Count("codes", filter=Q(codes__redeemed_at__isnull=False))
        found: QuerySet[Any] = super().get_queryset(request).annotate(used=used)
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_codebatch")

    def get_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> Any:
        return BatchForm.Meta.fields if obj is None else self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> Any:
        return () if obj is None else self.shown

    def save_model(self, request: HttpRequest, obj: CodeBatch, form: Any, change: bool) -> None:
        obj.pk = batches.create(terms=form.terms(), actor=request.user).pk  # type: ignore[arg-type]

    @admin.display(description="credits each", ordering="points")
    def each(self, obj: CodeBatch) -> str:
        return format_gift(obj.points)

    @admin.display(ordering="used")
    def redeemed(self, obj: Any) -> str:
        return f"{obj.used} of {obj.count}"

    @admin.display(description="given so far")
    def cost(self, obj: Any) -> str:
        return format_usd(obj.used * obj.points)


@admin.register(RedeemCode)
class RedeemCodeAdmin(ActingAdmin):
    list_display = ("shown_prefix", "batch", "workspace", "redeemed_by", "redeemed_at", "voided_at")
    list_filter = (
        ("redeemed_at", admin.EmptyFieldListFilter),
        ("voided_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("batch", "workspace", "redeemed_by")
    search_fields = ("shown_prefix", "batch__name", "workspace__slug")
    show_full_result_count = False
    ordering = ("-id",)
    fields = readonly_fields = (
        "shown_prefix", "batch", "workspace", "redeemed_by", "redeemed_at", "voided_at",
    )  # fmt: skip
    steps = {
        "void": Step(
            "Void",
            lambda row: "The code can no longer be redeemed.",
            "The code has ended.",
            "billing.change_redeemcode",
            lambda row: row.redeemed_at is None and row.voided_at is None,
            _void_code,
            forms.Form,
        ),
    }
