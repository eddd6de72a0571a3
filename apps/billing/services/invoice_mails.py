"""Documents by mail, as soon as they exist.

Not in the transaction of the payment, which must neither wait for a PDF nor fail with it: a job asks which documents no
mail was written of. So a crash between the two costs seconds.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.billing import selectors
from apps.billing.documents import invoice as printed
from apps.billing.documents import pdf
from apps.billing.documents.words import dollars
from apps.billing.models import Invoice
from apps.billing.selectors import invoices
from apps.notifications.services import mail

log = logging.getLogger(__name__)

# After that nobody waits for it any more, and the mails it would be compared with may be forgotten.
_WINDOW = timedelta(days=3)
_AT_ONCE = 500


def mail_waiting() -> int:
    """Write the mails of documents that have none; says of how many. Repeated and parallel runs write each mail once.

    A document that cannot be printed is logged and tried again; the others go out.
    """
    written = 0
    since = timezone.now() - _WINDOW
    for invoice in invoices.not_mailed(since=since, limit=_AT_ONCE):
        try:
            written += _mail(invoice)
        except Exception:
            log.exception("invoice not mailed", extra={"invoice": invoice.number})
    return written


def _mail(invoice: Invoice) -> bool:
    to = selectors.recipients(workspace_id=invoice.workspace_id)
    if not to:
        return False
    mail.add(
        key=f"{invoices.MAIL_KEY}{invoice.pk}",
        to=to,
        template="invoice",
        context=_context(invoice),
        workspace_id=invoice.workspace_id,
        attachment=mail.Attachment(
            name=printed.file_name(invoice=invoice),
            content_type="application/pdf",
            data=pdf.render(printed.document(invoice=invoice)),
        ),
    )
    return True


def _context(invoice: Invoice) -> dict[str, object]:
    slug = invoice.workspace.slug
    return {
        "kind": invoice.get_kind_display(),
        "number": invoice.number,
        "corrects": invoice.corrects.number if invoice.corrects else "",
        "total": dollars(abs(invoice.total_points)),
        "paid_by": invoice.paid_by,
        "workspace": invoice.workspace.name,
        "is_test": invoice.is_test,
        "url": f"{settings.BASE_URL}/w/{slug}/billing/invoices/{invoice.pk}",
    }
