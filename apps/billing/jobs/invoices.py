"""Jobs of invoices."""

from celery import shared_task

from apps.billing.services import invoice_mails


@shared_task(name="billing.mail_invoices", ignore_result=True)
def mail_invoices() -> None:
    invoice_mails.mail_waiting()
