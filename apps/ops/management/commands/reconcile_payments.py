"""`manage.py reconcile_payments`: our card payments against Stripe's own lists."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.billing.gateways import stripe as gateway
from apps.billing.services import reconcile


class Command(BaseCommand):
    help = (
        "Records payments, refunds and disputes that Stripe has and we have not, and tells what still differs. "
        "Exits with 1 when something does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=reconcile.DAYS)

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        if days < 1:
            raise CommandError("--days is at least 1.")
        try:
            told = reconcile.reconcile(days=days)
        except gateway.StripeError as error:
            raise CommandError(error.message) from None
        for difference in told:
            self.stdout.write(difference)
        if told:
            raise CommandError(f"{len(told)} differ from Stripe's lists of {days} days.")
        self.stdout.write(f"The card payments of {days} days are as Stripe has them.")
