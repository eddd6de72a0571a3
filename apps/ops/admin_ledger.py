"""Wallets and their ledger in the operator's console. Nobody edits either: a correction is a ledger line of its own."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from apps.accounts.models import ApiKey
from apps.billing.models import BalanceAlert, CreditEntry, CreditLot, Wallet
from apps.billing.selectors import transactions
from apps.core.money import format_usd
from apps.dashboard import downloads, ledger

if TYPE_CHECKING:
    WalletPages = admin.ModelAdmin[Wallet]
else:  # generic for the type checker only
    WalletPages = admin.ModelAdmin

_PAGE = 100
_LOTS = 100


@admin.register(Wallet)
class WalletAdmin(WalletPages):
    """A workspace's money at a glance."""

    list_display = ("workspace", "available_usd", "held_usd", "debt_usd", "ledger_link")
    search_fields = ("workspace__slug", "workspace__name", "workspace__memberships__user__email")
    list_select_related = ("workspace",)
    ordering = ("-workspace_id",)
    show_full_result_count = False
    fields = readonly_fields = (
        "workspace", "available_usd", "held_usd", "debt_usd", "ledger_link", "alert", "lots",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wallet]:
        return Wallet.objects.across_workspaces()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Wallet | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Wallet | None = None) -> bool:
        return False

    @admin.display(description="available", ordering="available")
    def available_usd(self, obj: Wallet) -> str:
        return format_usd(obj.available)

    @admin.display(description="held", ordering="held")
    def held_usd(self, obj: Wallet) -> str:
        return format_usd(obj.held)

    @admin.display(description="owed", ordering="debt")
    def debt_usd(self, obj: Wallet) -> str:
        return format_usd(obj.debt)

    @admin.display(description="ledger")
    def ledger_link(self, obj: Wallet) -> SafeString:
        return format_html('<a href="{}">Ledger</a>', reverse("ops_ledger", args=[obj.pk]))

    @admin.display(description="alert")
    def alert(self, obj: Wallet) -> str:
        """What its owners were told of the balance since money last came in."""
        found = BalanceAlert.objects.of(obj.pk).order_by("told_at")
        told = [f"{one.get_kind_display()}, {one.told_at:%Y-%m-%d %H:%M} UTC" for one in found]
        return "; ".join(told) or "None was sent."

    @admin.display(description="lots with a rest")
    def lots(self, obj: Wallet) -> SafeString:
        """What is left of what came in, first what expires first, as of the last ledger line that the lots know."""
        rows = (
            CreditLot.objects.of(obj.pk)
            .filter(remaining__gt=0)
            .select_related("entry")
            .order_by("expires_at", "entry_id")[:_LOTS]
        )
        text = format_html_join("", "{} of {} ({} {}), {}<br>", map(_lot, rows))
        return text or format_html("{}", "None.")


def _lot(lot: CreditLot) -> tuple[str, ...]:
    until = f"until {lot.expires_at:%Y-%m-%d}" if lot.expires_at else "for ever"
    entry = lot.entry
    return (
        format_usd(lot.remaining), format_usd(lot.points), entry.kind.lower(), entry.reference, until,
    )  # fmt: skip


@require_safe
def ledger_page(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """A workspace's ledger with the filters of the customers' own page, every line, and what people wrote to it."""
    wallet = _wallet(request, workspace_id)
    asked = ledger.asked(request.GET)
    span = ledger.span(workspace_id=workspace_id, asked=asked)
    page = transactions.page(
        workspace_id=workspace_id, filter=asked.filter, limit=_PAGE, span=span, after=asked.after
    )
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Ledger of {wallet.workspace.slug}",
        "wallet": wallet,
        "asked": asked,
        "span": span,
        "lines": page.lines,
        "older": asked.query(after=page.next) if page.next else "",
        "newest": asked.query(),
        "kinds": CreditEntry.Kind.choices,
        "keys": ApiKey.objects.of(workspace_id).order_by("-id"),
    }
    return render(request, "admin/ops/ledger.html", context)


@require_safe
def ledger_csv(request: HttpRequest, workspace_id: int) -> HttpResponseBase:
    """The same lines, all pages of them."""
    wallet = _wallet(request, workspace_id)
    asked = ledger.asked(request.GET)
    lines = transactions.all_lines(
        workspace_id=workspace_id,
        filter=asked.filter,
        span=ledger.span(workspace_id=workspace_id, asked=asked),
    )
    return downloads.csv_file(
        name=f"ledger-{wallet.workspace.slug}.csv",
        header=ledger.CSV_HEADER,
        rows=ledger.csv_rows(lines, is_operator=True),
    )


def _wallet(request: HttpRequest, workspace_id: int) -> Wallet:
    if not request.user.has_perm("billing.view_creditentry"):
        raise PermissionDenied
    found = Wallet.objects.of(workspace_id).select_related("workspace").first()
    if found is None:
        raise Http404("There is no such workspace.")
    return found
