"""Calls of language models: what gateways hold for them, what attempts used, and what was said where that is kept."""

from apps.llm.models.blocks import CreditBlock, PriceVersion
from apps.llm.models.conversations import (
    Assistant,
    AssistantFile,
    Conversation,
    ConversationFile,
    Message,
)
from apps.llm.models.usage import (
    CallContent,
    End,
    LaneDay,
    Usage,
    UsageHour,
    UsageMark,
    UsageSource,
)

__all__ = [
    "Assistant",
    "AssistantFile",
    "CallContent",
    "Conversation",
    "ConversationFile",
    "CreditBlock",
    "End",
    "LaneDay",
    "Message",
    "PriceVersion",
    "Usage",
    "UsageHour",
    "UsageMark",
    "UsageSource",
]
