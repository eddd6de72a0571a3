"""What a ledger line was for, in words and as a link to its page."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, gettext_noop

from apps.accounts.policies import Permission
from apps.billing.models import CreditEntry, Invoice
from apps.billing.selectors.transactions import Line
from apps.dashboard.billing_words import kept
from apps.dashboard.http import DashboardRequest, allowed

Kind = CreditEntry.Kind

WORDS: dict[str, str] = {
    Kind.PURCHASE: gettext_noop("Top-up"),
    Kind.GRANT: gettext_noop("Given"),
    Kind.HOLD: gettext_noop("Held"),
    Kind.CAPTURE: gettext_noop("Spent"),
    Kind.RELEASE: gettext_noop("Not charged"),
    Kind.REFUND: gettext_noop("Refunded"),
    Kind.CLAWBACK: gettext_noop("Taken back"),
    Kind.REINSTATEMENT: gettext_noop("Given back"),
    Kind.REPAYMENT: gettext_noop("Debt paid"),
    Kind.EXPIRY: gettext_noop("Expired"),
    Kind.ADJUSTMENT: gettext_noop("Corrected"),
}


@dataclass(frozen=True)
class Cause:
    """`kind` as a word, `text` what it was for, `url` where that can be looked at (empty: nowhere)."""

    kind: str
    text: str
    url: str = ""


# The first word of a reference: how it is called, and the pages that may show it.
_NAMES = {
    "task": gettext_noop("Task"),
    "llm": gettext_noop("LLM calls"),
    "gpts": gettext_noop("GPTs file"),
    "payment": gettext_noop("Payment"),
    "signup": gettext_noop("Welcome credits"),
    "code": gettext_noop("Redeem code"),
    "redeem": gettext_noop("Redeem code"),
    "referral": gettext_noop("Referral"),
    "reward": gettext_noop("Referral"),
    "expiry": gettext_noop("Credits expired"),
    "adjustment": gettext_noop("Correction"),
    "subscription": gettext_noop("Plan"),
}
_LISTS = {
    "payment": ("billing_invoices", Permission.VIEW_BILLING),
    "subscription": ("billing_plans", Permission.VIEW_BILLING),
    "referral": ("billing_referral", Permission.VIEW_BILLING),
    "reward": ("billing_referral", Permission.VIEW_BILLING),
    "code": ("billing_redeem", Permission.MANAGE_BILLING),
    "redeem": ("billing_redeem", Permission.MANAGE_BILLING),
}


def of(
    *, lines: Sequence[Line], request: DashboardRequest, known: Iterable[Invoice] | None = None
) -> list[tuple[Line, Cause]]:
    """Each line with its cause, and a link where the person may follow it.

    `known` are invoices that the page has loaded, to be linked to in place of looking for all that the lines name.
    """
    if known is None:
        documents = _documents(lines, request)
    else:
        documents = {
            str(one.payment_id): str(one.pk) for one in known if one.kind == Invoice.Kind.INVOICE
        }
    return [(line, _cause(line, request, documents)) for line in lines]


def _cause(line: Line, request: DashboardRequest, documents: dict[str, str]) -> Cause:
    family, _, rest = line.entry.reference.partition(":")
    word = gettext(WORDS[line.entry.kind])
    if family == "task":
        return Cause(word, gettext("Task {id}").format(id=rest[:8]), _url("task", request, rest))
    name = _NAMES.get(family, line.entry.reference)
    text = gettext(name)
    if line.note and line.note != name:
        text = gettext("{name}: {note}").format(name=text, note=kept(line.note))
    document = documents.get(rest.partition(":")[0])
    if document is not None:
        return Cause(word, text, _url("billing_invoices_one", request, document))
    route, permission = _LISTS.get(family, ("", Permission.VIEW_BALANCE))
    return Cause(word, text, _url(route, request) if allowed(request, permission) else "")


def _documents(lines: Sequence[Line], request: DashboardRequest) -> dict[str, str]:
    """The invoices of the payments among the lines, for those who may see them: payment id → invoice id."""
    references = [one.entry.reference.split(":") for one in lines]
    named = [_uuid(parts[1]) for parts in references if parts[0] == "payment"]
    ids = [found for found in named if found is not None]
    if not ids or not allowed(request, Permission.VIEW_BILLING):
        return {}
    found = Invoice.objects.of(request.workspace.pk).filter(
        payment_id__in=ids, kind=Invoice.Kind.INVOICE
    )
    return {
        str(payment): str(invoice) for payment, invoice in found.values_list("payment_id", "id")
    }


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _url(route: str, request: DashboardRequest, *more: str) -> str:
    """Empty where there is no such page, or it is about something else than an id."""
    ids = [_uuid(text) for text in more]
    if not route or None in ids:
        return ""
    try:
        return reverse(f"dashboard:{route}", args=[request.workspace.slug, *ids])
    except NoReverseMatch:
        return ""
