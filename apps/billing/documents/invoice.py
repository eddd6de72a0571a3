"""Invoices, credit notes and debit notes as documents. Everything comes from the row: it is what was issued."""

from typing import Any

from apps.billing.documents import Document, Party, Row, Table
from apps.billing.documents.words import country, day, dollars, lines, printable
from apps.billing.models import Invoice

_NO_MONEY = "Test payment: no money moved. This is not an invoice."


def document(*, invoice: Invoice) -> Document:
    """What is printed. `corrects` must be loaded where there is one."""
    return Document(
        title=f"{invoice.get_kind_display()} {invoice.number}",
        written_at=invoice.issued_at,
        facts=_facts(invoice),
        parties=[_seller(invoice.seller), _buyer(invoice.buyer)],
        tables=[_table(invoice)],
        notes=[
            *_paid(invoice),
            f"Our reference: {invoice.payment_id}",
            *lines(str(invoice.seller.get("footer", ""))),
        ],
        mark=_NO_MONEY if invoice.is_test else "",
    )


def file_name(*, invoice: Invoice) -> str:
    """Of the PDF: the number, with nothing in it that a file system could take amiss."""
    safe = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-"
        for letter in invoice.number
    )
    return f"{invoice.kind.replace('_', '-')}-{safe}.pdf"


def _facts(invoice: Invoice) -> list[tuple[str, str]]:
    facts = [("Number", invoice.number), ("Date", day(invoice.issued_at))]
    if invoice.corrects is not None:
        facts.append(("Corrects invoice", invoice.corrects.number))
        facts.append(("Of", day(invoice.corrects.issued_at)))
    return [*facts, ("Currency", "US dollar")]


def _address(who: dict[str, Any]) -> list[str]:
    found = [printable(str(who.get("name", "")))]
    found += lines(str(who.get("address", "")))
    found.append(printable(country(str(who.get("country", "")))))
    return [line for line in found if line]


def _labelled(who: dict[str, Any]) -> list[str]:
    tax_id, email = printable(str(who.get("tax_id", ""))), printable(str(who.get("email", "")))
    return [line for line in (tax_id and f"Tax ID: {tax_id}", email) if line]


def _seller(who: dict[str, Any]) -> Party:
    return Party("Seller", [*_address(who), *_labelled(who)])


def _buyer(who: dict[str, Any]) -> Party:
    found = _address(who)
    workspace = printable(str(who.get("workspace", "")))
    if workspace and [workspace] != found[:1]:
        found.append(f"Workspace: {workspace}")
    return Party("Billed to", [*found, *_labelled(who)])


def _table(invoice: Invoice) -> Table:
    rows = [
        Row([printable(str(line["text"])), str(line.get("quantity", 1)), _amount(line)])
        for line in invoice.lines
    ]
    sums = [
        Row(["Net", "", dollars(invoice.net_points)], is_sum=True),
        Row(["Tax", "", dollars(invoice.tax_points)], is_sum=True),
        Row(["Total", "", dollars(invoice.total_points)], is_sum=True),
    ]
    return Table("", ["Description", "Quantity", "Amount"], [*rows, *sums])


def _amount(line: dict[str, Any]) -> str:
    return dollars(int(line["amount_points"]))


def _paid(invoice: Invoice) -> list[str]:
    by = printable(invoice.paid_by)
    if invoice.kind == Invoice.Kind.INVOICE:
        return [f"Paid in full by {by} on {day(invoice.payment.paid_at)}."]
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return [f"What the invoice of that number says is lowered by this amount. Paid by {by}."]
    return [
        "An earlier credit note on the invoice is taken back by this amount: the money did not go back."
    ]
