"""Token payments in the operator's console: transfers, the addresses they came to, and how far chains were read."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin

from apps.billing.models import ChainCursor, Deposit, DepositAddress
from apps.billing.services.crypto import operator
from apps.core.money import format_usd, points_from_usd
from apps.ops.acting import ActingAdmin, ReasonForm, Step


class CreditForm(ReasonForm):
    amount = forms.DecimalField(
        label="Worth in US$", min_value=Decimal("0.01"), decimal_places=2, max_digits=12
    )
    field_order = ("amount", "reason")


def _credit(row: Deposit, actor: Any, given: dict[str, Any]) -> None:
    operator.credit(
        deposit_id=row.pk,
        points=points_from_usd(given["amount"]),
        reason=given["reason"],
        actor=actor,
    )


def _close(row: Deposit, actor: Any, given: dict[str, Any]) -> None:
    operator.close(deposit_id=row.pk, reason=given["reason"], actor=actor)


def _is_held_back(row: Deposit) -> bool:
    return row.state == Deposit.State.HELD_BACK


@admin.register(Deposit)
class DepositAdmin(ActingAdmin):
    list_display = (
        "case", "seen_at", "workspace", "chain", "token_name", "worth", "state", "confirmations", "note",
    )  # fmt: skip
    list_filter = ("state", "chain", "seen_at")
    list_select_related = ("workspace",)
    search_fields = ("tx_hash", "address__address", "workspace__slug", "token_address")
    ordering = ("-seen_at", "-id")
    fields = (
        "case", "workspace", "address", "chain", "genesis", "tx_hash", "log_index", "token_address", "token", "value",
        "worth", "block_number", "block_hash", "confirmations", "state", "note", "payment", "seen_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields
    steps = {
        "credit": Step(
            "Credit it",
            lambda row: (
                f"{row.value} of the smallest units of {row.token or row.token_address} came to {row.address}. "
                "The workspace gets the credits of the sum you give, with an invoice; a reorganisation takes "
                "them back like any others."
            ),
            "Credited.",
            "billing.change_deposit",
            _is_held_back,
            _credit,
            CreditForm,
        ),
        "close": Step(
            "Close the case",
            lambda row: "Nothing is credited: it was settled outside, or will not be.",
            "Closed.",
            "billing.change_deposit",
            _is_held_back,
            _close,
        ),
    }

    @admin.display(description="case", ordering="id")
    def case(self, obj: Deposit) -> str:
        return f"D-{obj.pk}"

    @admin.display(description="token")
    def token_name(self, obj: Deposit) -> str:
        return obj.token or obj.token_address

    @admin.display(description="worth", ordering="points")
    def worth(self, obj: Deposit) -> str:
        return format_usd(obj.points) if obj.points else "?"


@admin.register(DepositAddress)
class DepositAddressAdmin(ActingAdmin):
    list_display = ("index", "address", "workspace", "chain", "token", "created_at")
    list_filter = ("chain", "token")
    list_select_related = ("workspace",)
    search_fields = ("address", "workspace__slug")
    ordering = ("-index",)
    fields = ("path", "address", "workspace", "top_up", "chain", "token", "created_at")
    readonly_fields = fields

    @admin.display(description="path in your wallet")
    def path(self, obj: DepositAddress) -> str:
        return f"m/44'/60'/0'/0/{obj.index}"


def _read_again(row: ChainCursor, actor: Any, given: dict[str, Any]) -> None:
    operator.read_again(chain=row.pk)


@admin.register(ChainCursor)
class ChainCursorAdmin(ActingAdmin):
    tenant = False
    list_display = ("chain", "block_number", "head_number", "read_at", "problem", "problem_since")
    ordering = ("chain",)
    fields = ("chain", "genesis", "block_number", "head_number", "read_at", "problem", "problem_since")  # fmt: skip
    readonly_fields = fields
    steps = {
        "read-again": Step(
            "Read again",
            lambda row: (
                "Forgets where the chain was read to. The next look begins near its head: what came before that and "
                "was not seen yet will not be seen. Transfers that are known are looked up by their receipts."
            ),
            "The next look begins anew.",
            "billing.change_chaincursor",
            lambda row: True,
            _read_again,
        ),
    }
