"""`manage.py roll_up_usage`: sum what is not summed yet, or days anew, and prove the sums against the ledger."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.tasks.services import roll_up


class Command(BaseCommand):
    help = (
        "Sum ended work and its costs by day. With --from, sum the days from then on anew. Safe to repeat and to "
        "interrupt; the platform may run meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", type=date.fromisoformat, help="YYYY-MM-DD")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, help="YYYY-MM-DD")

    def handle(self, *, first: date | None, last: date | None, **options: Any) -> None:
        # What one round marks, the next one sums.
        roll_up.count_all_new()
        roll_up.count_all_new()
        today = datetime.now(UTC).date()
        days = _days(first or today, last or today)
        for day in days:
            if first is not None:
                roll_up.recount_day(day=day)
            roll_up.sum_costs(day=day)
        found = [str(one) for one in roll_up.differences(first=first or today)]
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write(f"{len(days)} days summed; they agree with the ledger.")


def _days(first: date, last: date) -> list[date]:
    if last < first:
        raise CommandError("--to is before --from.")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
