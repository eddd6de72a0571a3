"""Documents as a table, for the bookkeeper: the customer's and the seller's."""

from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal

from django.db.models import QuerySet

from apps.billing.models import Invoice
from apps.core.money import usd

HEADER = (
    "number", "kind", "date", "corrects", "seller", "workspace", "billed_to", "country", "tax_id", "net", "tax",
    "total", "currency", "paid_by", "test", "reference",
)  # fmt: skip


def rows(documents: QuerySet[Invoice]) -> Iterator[tuple[object, ...]]:
    """Amounts are raw decimals in US dollars, days are UTC.

    Credit notes are negative, so the sum of a column is what was sold in the end.
    """
    for document in documents.iterator(chunk_size=500):
        yield (
            document.number,
            document.kind,
            document.issued_at.astimezone(UTC).date().isoformat(),
            document.corrects.number if document.corrects else "",
            document.seller.get("name", ""),
            document.workspace.slug,
            document.buyer.get("name", ""),
            document.buyer.get("country", ""),
            document.buyer.get("tax_id", ""),
            _amount(document.net_points),
            _amount(document.tax_points),
            _amount(document.total_points),
            document.currency,
            document.paid_by,
            "yes" if document.is_test else "",
            str(document.payment_id),
        )


def _amount(points: int) -> Decimal:
    """At least two decimals, and all there are."""
    return usd(points) + Decimal("0.00")
