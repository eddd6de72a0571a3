"""Corrections of a balance in the operator's console: asked for with the balance before and after, decided by a second
person where they are large.
"""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.billing.models import AdjustmentRequest, CreditEntry, Wallet
from apps.billing.services import adjustments
from apps.core.errors import DomainError
from apps.core.money import format_usd, points_from_usd
from apps.ops.acting import ActingAdmin, Step

State = AdjustmentRequest.State


class AskForm(forms.Form):
    workspace = forms.CharField(max_length=50, label="Workspace", help_text="Its short name.")
    amount = forms.DecimalField(
        label="Amount in US$",
        decimal_places=7,
        max_digits=13,
        help_text="Below zero takes credits away.",
    )
    reason = forms.CharField(max_length=200, help_text="Kept for good; the customer reads it.")
    evidence = forms.CharField(
        max_length=300, required=False, help_text="Where the story can be read: a ticket, a mail."
    )
    credits_last_days = forms.IntegerField(
        required=False, min_value=1, max_value=3_650, help_text="Empty: given credits stay."
    )

    def clean_workspace(self) -> Workspace:
        found = Workspace.objects.filter(slug=self.cleaned_data["workspace"].strip()).first()
        if found is None:
            raise forms.ValidationError("There is no such workspace.")
        return found

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if not points_from_usd(amount):
            raise forms.ValidationError("Nothing is to move.")
        return amount

    @property
    def points(self) -> int:
        return points_from_usd(self.cleaned_data["amount"])

    @property
    def shown(self) -> str:
        """What was shown and is confirmed: other values are shown anew."""
        return f"{self.cleaned_data['workspace'].slug} {self.points}"


class RefusalForm(forms.Form):
    note = forms.CharField(max_length=200, label="Why", widget=forms.Textarea(attrs={"rows": 3}))


def _what_it_does(wallet: Wallet, points: int) -> str:
    """The balance, and the debt where there is one, before and after."""
    repaid = max(0, min(wallet.debt, points))
    text = f"Balance now {format_usd(wallet.available)}, afterwards {format_usd(wallet.available + points - repaid)}."
    if wallet.debt:
        text += (
            f" Debt now {format_usd(wallet.debt)}, afterwards {format_usd(wallet.debt - repaid)}."
        )
    return text


def _effect(row: AdjustmentRequest) -> str:
    wallet = billing.wallet(workspace_id=row.workspace_id)
    return (
        f"{format_usd(row.points)} for {row.workspace}, asked for by {row.asked_by}: “{row.reason}”. "
        f"{_what_it_does(wallet, row.points)}"
    )


def _approve(row: AdjustmentRequest, actor: Any, given: dict[str, Any]) -> None:
    adjustments.approve(adjustment_id=row.pk, actor=actor)


def _refuse(row: AdjustmentRequest, actor: Any, given: dict[str, Any]) -> None:
    adjustments.refuse(adjustment_id=row.pk, actor=actor, note=given["note"])


def _is_open(row: AdjustmentRequest) -> bool:
    return row.state == State.ASKED


@admin.register(AdjustmentRequest)
class AdjustmentAdmin(ActingAdmin):
    list_display = (
        "created_at", "workspace", "amount", "reason", "state", "asked_by", "decided_by", "decided_at",
    )  # fmt: skip
    list_filter = ("state", "created_at")
    list_select_related = ("workspace", "asked_by", "decided_by")
    search_fields = ("workspace__slug", "reason", "asked_by__email")
    ordering = ("-created_at",)
    fields = (
        "id", "workspace", "amount", "balance", "reason", "evidence", "credits_last_days", "state", "asked_by",
        "created_at", "decided_by", "decided_at", "decision_note",
    )  # fmt: skip
    readonly_fields = fields
    steps = {
        "approve": Step(
            "Approve", _effect, "The balance is corrected.", "billing.change_adjustmentrequest", _is_open, _approve,
            forms.Form,
        ),
        "refuse": Step(
            "Refuse", _effect, "Refused; nothing has moved.", "billing.change_adjustmentrequest", _is_open, _refuse,
            RefusalForm,
        ),
    }  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_adjustmentrequest")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks, shows what it will do to the balance, and does it when that was confirmed."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AskForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid() and request.POST.get("confirmed") == form.shown:
            made = _asked(request, form)
            if made is not None:
                return HttpResponseRedirect(self._url("change", made.pk))
        return self._asking(request, form)

    def _url(self, page: str, *args: Any) -> str:
        return reverse(f"admin:billing_adjustmentrequest_{page}", args=args)

    def _asking(self, request: HttpRequest, form: AskForm) -> HttpResponse:
        effect = ""
        if form.is_bound and form.is_valid():
            wallet = billing.wallet(workspace_id=form.cleaned_data["workspace"].pk)
            effect = _what_it_does(wallet, form.points)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Correct a balance",
            "form": form,
            "effect": effect,
            "limit": adjustments.limit(),
            "list_url": self._url("changelist"),
        }
        return render(request, "admin/ops/adjust.html", context)

    @admin.display(ordering="points")
    def amount(self, obj: AdjustmentRequest) -> str:
        return format_usd(obj.points)

    @admin.display(description="balance")
    def balance(self, obj: AdjustmentRequest) -> str:
        if obj.state == State.ASKED:
            return _what_it_does(billing.wallet(workspace_id=obj.workspace_id), obj.points)
        lines = CreditEntry.objects.of(obj.workspace_id)
        line = lines.filter(reference=adjustments.reference(obj)).first()
        if line is None:
            return "Nothing has moved."
        before = line.available_after - line.available_delta
        return f"Before {format_usd(before)}, after {format_usd(line.available_after)}."


def _asked(request: HttpRequest, form: AskForm) -> AdjustmentRequest | None:
    given = form.cleaned_data
    try:
        made = adjustments.ask(
            workspace_id=given["workspace"].pk,
            points=form.points,
            reason=given["reason"],
            evidence=given["evidence"],
            credits_last_days=given["credits_last_days"],
            actor=request.user,  # type: ignore[arg-type] # the console is for people only
        )
    except DomainError as refused:
        form.add_error(None, refused.message)
        return None
    is_done = made.state == State.DONE
    messages.success(
        request,
        "The balance is corrected." if is_done else "A second person must approve it.",
    )
    return made
