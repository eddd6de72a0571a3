"""`manage.py audit_credits`: one line of proof, or every difference and a non-zero exit."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from apps.core.money import format_usd
from apps.ops import audit


class Command(BaseCommand):
    help = "Prove that wallets, tasks, payments, documents and rewards agree to the point. Changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            # One snapshot: work that goes on meanwhile must not look like a difference.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute("SET LOCAL statement_timeout = 0")
            found = audit.differences()
            proof = audit.proof()
        for difference in found:
            self.stderr.write(difference)
        if found:
            raise CommandError(f"{len(found)} differences.")
        self.stdout.write(
            f"Credits balance: {proof.wallets} wallets, {proof.entries} ledger lines, {proof.tasks} tasks, "
            f"{proof.payments} payments, {proof.invoices} invoices; {format_usd(proof.available)} available, "
            f"{format_usd(proof.held)} held, {format_usd(proof.debt)} owed."
        )
