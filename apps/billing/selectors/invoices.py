"""Reading invoices, and the proof that there is exactly one for what was paid and none too few."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat, ExtractYear

from apps.billing.models import BillingProfile, Invoice, LegalEntity
from apps.core.errors import NotFound
from apps.notifications.models import Email

# What mails about documents are written for, followed by the document's id.
MAIL_KEY = "invoice:"


def invoice(*, workspace_id: int, invoice_id: uuid.UUID) -> Invoice:
    """The workspace's document with what it corrects. Raises NotFound."""
    found = _loaded(Invoice.objects.of(workspace_id)).filter(pk=invoice_id).first()
    if found is None:
        raise NotFound(f"There is no invoice {invoice_id}.")
    return found


def invoices(*, workspace_id: int, year: int | None = None) -> QuerySet[Invoice]:
    """The workspace's documents, newest first; of one year (UTC)."""
    rows = _loaded(Invoice.objects.of(workspace_id))
    if year is not None:
        rows = rows.filter(issued_at__year=year)
    return rows.order_by("-issued_at", "-sequence")


def years(*, workspace_id: int) -> list[int]:
    """The years (UTC) with documents, newest first."""
    rows = Invoice.objects.of(workspace_id).annotate(year=ExtractYear("issued_at", tzinfo=UTC))
    return sorted(set(rows.values_list("year", flat=True)), reverse=True)


def issued_between(*, first: date, last: date) -> QuerySet[Invoice]:
    """Every workspace's documents of these days (UTC, both included), by seller and number: for the bookkeeper."""
    start = datetime.combine(first, time(), tzinfo=UTC)
    end = datetime.combine(last + timedelta(days=1), time(), tzinfo=UTC)
    rows = _loaded(Invoice.objects.across_workspaces())
    return rows.filter(issued_at__gte=start, issued_at__lt=end).order_by("entity", "sequence")


def profile(*, workspace_id: int) -> BillingProfile:
    """Whom invoices are made out to; an empty one while nobody has said it."""
    found = BillingProfile.objects.of(workspace_id).first()
    return found or BillingProfile(workspace_id=workspace_id)


def seller_name() -> str:
    """Who sells, for documents that copy no seller."""
    found = LegalEntity.objects.filter(is_default=True).values_list("name", flat=True).first()
    return found or settings.SELLER_NAME


def not_mailed(*, since: datetime, limit: int) -> list[Invoice]:
    """Documents issued since then of which no mail was written, oldest first."""
    mails = Email.objects.across_workspaces().filter(
        key=Concat(Value(MAIL_KEY), Cast(OuterRef("pk"), TextField()))
    )
    rows = _loaded(Invoice.objects.across_workspaces()).filter(~Exists(mails), issued_at__gte=since)
    return list(rows.order_by("issued_at")[:limit])


def _loaded(rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    return rows.select_related("corrects", "payment", "entity", "workspace")


def gaps() -> Iterator[str]:
    """Numbers a seller gave to no document, as sentences. There should be none."""
    with connection.cursor() as cursor:
        cursor.execute(_GAPS)
        for slug, first, last in cursor.fetchall():
            yield f"seller {slug}: no document has the numbers {first} to {last}"


# The number to come stands in for a last document, so that what is missing at the end shows too.
_GAPS = """
SELECT slug, before + 1, sequence - 1 FROM (
    SELECT slug, sequence, lag(sequence, 1, 0::bigint) OVER (PARTITION BY slug ORDER BY sequence) AS before FROM (
        SELECT e.slug, i.sequence FROM billing_invoice i JOIN billing_legalentity e ON e.id = i.entity_id
         UNION ALL SELECT slug, next_number FROM billing_legalentity
    ) numbers
) steps WHERE sequence <> before + 1 ORDER BY slug, sequence
"""


def differences() -> Iterator[str]:
    """Payments and documents that do not say the same, as sentences. There should be none.

    Each payment of something has exactly one invoice of its amounts, and its credit and debit notes together say what
    went back and still counts, tax in proportion, never more than the invoice.
    """
    with connection.cursor() as cursor:
        for sentence, query in _DIFFERENCES.items():
            cursor.execute(query)
            for row in cursor.fetchall():
                yield sentence.format(*row)


_DIFFERENCES = {
    "payment {0} has {1} invoices instead of {2}": """
        SELECT p.id, count(i.id), (p.amount_points + p.tax_points > 0)::int FROM billing_payment p
          LEFT JOIN billing_invoice i ON i.payment_id = p.id AND i.kind = 'invoice'
         GROUP BY p.id HAVING count(i.id) <> (p.amount_points + p.tax_points > 0)::int
    """,
    "invoice {0} says {1} and {2} tax for workspace {3}, its payment {4} and {5} for {6}": """
        SELECT i.number, i.net_points, i.tax_points, i.workspace_id, p.amount_points, p.tax_points, p.workspace_id
          FROM billing_invoice i JOIN billing_payment p ON p.id = i.payment_id
         WHERE i.kind = 'invoice'
           AND (i.net_points, i.tax_points, i.workspace_id) <> (p.amount_points, p.tax_points, p.workspace_id)
    """,
    "invoice {0} is corrected by {1} and {2} tax, went back {3} and {4} tax": """
        SELECT number, said, said_tax, back, back_tax FROM (
            SELECT i.number, notes.said, notes.said_tax, b.back,
                   CASE WHEN i.total_points = 0 THEN 0 ELSE div(i.tax_points::numeric * b.back, i.total_points) END
                   AS back_tax
              FROM billing_invoice i
             CROSS JOIN LATERAL (
                   SELECT LEAST(i.total_points, COALESCE(sum(r.amount_points) FILTER (WHERE r.is_in_effect), 0)) AS back
                     FROM billing_reversal r WHERE r.payment_id = i.payment_id) b
             CROSS JOIN LATERAL (
                   SELECT COALESCE(-sum(n.total_points), 0) AS said, COALESCE(-sum(n.tax_points), 0) AS said_tax
                     FROM billing_invoice n WHERE n.corrects_id = i.id) notes
             WHERE i.kind = 'invoice') compared
         WHERE (said, said_tax) <> (back, back_tax)
    """,
    "{0} corrects {1}, which is no invoice of its payment, seller and workspace": """
        SELECT n.number, COALESCE(i.number, 'nothing') FROM billing_invoice n
          LEFT JOIN billing_invoice i ON i.id = n.corrects_id
         WHERE n.kind <> 'invoice' AND (i.kind, i.payment_id, i.entity_id, i.workspace_id)
               IS DISTINCT FROM ('invoice', n.payment_id, n.entity_id, n.workspace_id)
    """,
}
