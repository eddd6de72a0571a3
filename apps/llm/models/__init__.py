"""Calls of language models: what gateways hold for them, what attempts used, and what was said where that is kept."""

from apps.llm.models.blocks import CreditBlock, PriceVersion
from apps.llm.models.usage import CallContent, End, Usage, UsageHour, UsageSource

__all__ = [
    "CallContent",
    "CreditBlock",
    "End",
    "PriceVersion",
    "Usage",
    "UsageHour",
    "UsageSource",
]
