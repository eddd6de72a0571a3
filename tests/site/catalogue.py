"""What tests of the public catalogue share."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.catalog import pricing
from apps.catalog.models import PriceOverride


def set_price(
    model: str, task_type: str, points: str, *, rate: str = "task", **more: Any
) -> PriceOverride:
    """An operator's price that holds since yesterday."""
    row = PriceOverride.objects.create(
        model=model,
        task_type=task_type,
        rate=rate,
        points_per_unit=points,
        valid_from=timezone.now() - timedelta(days=1),
        **more,
    )
    pricing.forget_overrides()
    return row
