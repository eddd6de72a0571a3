"""`manage.py load_catalog`: read every spec and the LLM models, so that a fault stops a deployment and not a request.

Adds the banned words that a new version came with, too.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.byoa import selectors as byoa
from apps.catalog import registry, selectors, services
from apps.catalog.llm.pricing import list_price
from apps.catalog.llm.registry import BadCatalog, llm_models
from apps.catalog.models import PriceOverride


class Command(BaseCommand):
    help = "Check all model specs and the operator's prices, and say what is available."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            llms = llm_models().values()
        except BadCatalog as error:
            raise CommandError(str(error)) from None
        specs = registry.all_specs()
        for spec in specs.values():
            spec.input.model_json_schema()
        unknown = [
            str(row)
            for row in PriceOverride.objects.all()
            if not selectors.has_rate(model=row.model, task_type=row.task_type, rate=row.rate)
        ]
        if unknown:
            raise CommandError(f"Prices for rates that no spec has: {', '.join(unknown)}")
        if added := services.add_default_words():
            self.stdout.write(f"Banned words: {added} new ones.")
        unpriced = sum(list_price(model) is None for model in llms)
        self.stdout.write(
            f"LLM models: {len(llms)}, {unpriced} of them only with a price of yours."
        )
        available = sum(byoa.is_available(spec) for spec in specs.values())
        self.stdout.write(
            f"Catalog: {len(specs)} task types of {len(registry.models())} models, {available} available now."
        )
