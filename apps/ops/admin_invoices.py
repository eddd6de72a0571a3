"""Invoices and sellers in the operator's console: documents to read, a table for the bookkeeper, and the proof."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from apps.billing.documents import books, pdf
from apps.billing.documents import invoice as printed
from apps.billing.models import Invoice, LegalEntity
from apps.billing.selectors import invoices
from apps.billing.services import sellers
from apps.core.errors import DomainError, InvalidRequest
from apps.core.money import format_usd
from apps.dashboard import downloads

if TYPE_CHECKING:
    InvoicePages = admin.ModelAdmin[Invoice]
    SellerPages = admin.ModelAdmin[LegalEntity]
    SellerFields = forms.ModelForm[LegalEntity]
else:  # generic for the type checker only
    InvoicePages = SellerPages = admin.ModelAdmin
    SellerFields = forms.ModelForm

_SHOWN = (
    "number", "kind", "entity", "workspace", "issued_at", "net", "tax", "total", "currency", "paid_by", "is_test",
    "corrects", "payment", "lines", "seller", "buyer", "file",
)  # fmt: skip
_AT_MOST = 20


class RangeForm(forms.Form):
    """Days in UTC, both included."""

    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def clean_last(self) -> Any:
        last = self.cleaned_data["last"]
        if last.year > 9998:
            raise forms.ValidationError("Choose an earlier day.")
        return last


@admin.register(Invoice)
class InvoiceAdmin(InvoicePages):
    list_display = (
        "number",
        "kind",
        "workspace",
        "billed_to",
        "issued_at",
        "total",
        "paid_by",
        "is_test",
    )
    list_filter = ("kind", "is_test", "entity")
    list_select_related = ("workspace", "corrects")
    search_fields = ("number__iexact", "workspace__slug__iexact")
    search_help_text = "A number or a workspace's short name"
    fields = readonly_fields = _SHOWN
    ordering = ("-issued_at", "-sequence")
    show_full_result_count = False
    actions = None
    change_list_template = "admin/ops/invoices.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return Invoice.objects.across_workspaces().order_by(*self.ordering)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return False

    @admin.display(description="billed to")
    def billed_to(self, obj: Invoice) -> str:
        return str(obj.buyer.get("name", ""))

    @admin.display(description="net")
    def net(self, obj: Invoice) -> str:
        return format_usd(obj.net_points)

    @admin.display(description="tax")
    def tax(self, obj: Invoice) -> str:
        return format_usd(obj.tax_points)

    @admin.display(description="total", ordering="total_points")
    def total(self, obj: Invoice) -> str:
        return format_usd(obj.total_points)

    @admin.display(description="PDF")
    def file(self, obj: Invoice) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:billing_invoice_pdf", args=[obj.pk]),
            printed.file_name(invoice=obj),
        )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("books/", wrap(require_safe(self.books_view)), name="billing_invoice_books"),
            path("<uuid:pk>/pdf/", wrap(require_safe(self.pdf_view)), name="billing_invoice_pdf"),
            *super().get_urls(),
        ]

    def pdf_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        invoice = self.get_object(request, str(pk))
        if not self.has_view_permission(request, invoice):
            raise PermissionDenied
        if invoice is None:
            raise Http404
        return downloads.pdf_file(
            name=printed.file_name(invoice=invoice),
            data=pdf.render(printed.document(invoice=invoice)),
        )

    def books_view(self, request: HttpRequest) -> HttpResponseBase:
        """The table of a span of days; without one the form, and whether numbers and payments agree."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = RangeForm(request.GET or None)
        if form.is_valid():
            first, last = form.cleaned_data["first"], form.cleaned_data["last"]
            return downloads.csv_file(
                name=f"invoices-{first:%Y%m%d}-{last:%Y%m%d}.csv",
                header=books.HEADER,
                rows=books.rows(invoices.issued_between(first=first, last=last)),
            )
        found = [*invoices.gaps(), *invoices.differences()]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Bookkeeping",
            "form": form,
            "differences": found[:_AT_MOST],
            "more": max(0, len(found) - _AT_MOST),
        }
        return render(request, "admin/ops/books.html", context)


class SellerForm(SellerFields):
    class Meta:
        model = LegalEntity
        fields = (
            "name",
            "slug",
            "address",
            "country",
            "tax_id",
            "email",
            "footer",
            "number_prefix",
        )

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            # The instance gets the form's values only after this.
            names = [name for name in self.Meta.fields if name in self.cleaned_data]
            values = {name: self.cleaned_data[name] for name in names}
            prefix = values.pop("number_prefix", self.instance.number_prefix)
            try:
                sellers.check(
                    entity=LegalEntity(pk=self.instance.pk, number_prefix=prefix, **values)
                )
            except InvalidRequest as refused:
                name = (refused.detail or {}).get("field")
                words = refused.message.removeprefix(f"{name}: ")
                self.add_error(name if name in self.fields else None, words)
        return self.cleaned_data


@admin.register(LegalEntity)
class LegalEntityAdmin(SellerPages):
    """Changes reach the invoices to come; those there are copied what was said on their day."""

    form = SellerForm
    list_display = ("name", "slug", "number_prefix", "next_number", "is_default")
    search_fields = ("name", "slug")
    fields = (
        "name", "slug", "address", "country", "tax_id", "email", "footer", "number_prefix", "next_number", "is_default",
    )  # fmt: skip
    readonly_fields = ("next_number", "is_default")
    ordering = ("slug",)
    actions = ("sell_in_this_name",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: LegalEntity | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return self.readonly_fields
        fixed = ("slug", "number_prefix") if sellers.has_issued(entity=obj) else ("slug",)
        return (*self.readonly_fields, *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: LegalEntity | None = None) -> bool:
        return False

    @admin.action(description="Issue new invoices in this name", permissions=["change"])
    def sell_in_this_name(self, request: HttpRequest, queryset: QuerySet[LegalEntity]) -> None:
        chosen = list(queryset)
        if len(chosen) != 1:
            messages.error(request, "Choose one.")
            return
        try:
            entity = sellers.make_default(entity_id=chosen[0].pk)
        except DomainError as refused:
            messages.error(request, refused.message)
            return
        self.log_change(request, entity, "Made the seller of new invoices.")
        messages.success(request, f"New invoices are issued by {entity.name}.")
