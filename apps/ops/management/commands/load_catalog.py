"""`manage.py load_catalog`: read every spec, so that a faulty one stops a deployment and not a request.

Adds the banned words that a new version came with, too.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.byoa import selectors as byoa
from apps.catalog import registry, services
from apps.catalog.models import PriceOverride


class Command(BaseCommand):
    help = "Check all model specs and the operator's prices, and say what is available."

    def handle(self, *args: Any, **options: Any) -> None:
        specs = registry.all_specs()
        for spec in specs.values():
            spec.input.model_json_schema()
        unknown = [
            str(row)
            for row in PriceOverride.objects.all()
            if (row.model, row.task_type) not in specs
            or row.rate not in {rate.name for rate in specs[row.model, row.task_type].rates}
        ]
        if unknown:
            raise CommandError(f"Prices for rates that no spec has: {', '.join(unknown)}")
        if added := services.add_default_words():
            self.stdout.write(f"Banned words: {added} new ones.")
        available = sum(byoa.is_available(spec) for spec in specs.values())
        self.stdout.write(
            f"Catalog: {len(specs)} task types of {len(registry.models())} models, {available} available now."
        )
