"""Attempts as Prometheus counts them. A metric's children are looked up once: this is on the path of every call."""

from functools import cache
from typing import Any

from apps.core import metrics
from apps.llm.services.attempts import Attempt


def note(attempt: Attempt) -> None:
    """Count an attempt that has ended."""
    _ended(attempt.operation, attempt.end).inc()
    usage = attempt.usage
    if usage.input_tokens:
        _tokens("input").inc(usage.input_tokens)
    if usage.output_tokens:
        _tokens("output").inc(usage.output_tokens)
    if attempt.first_ms is not None:
        metrics.LLM_FIRST_SECONDS.observe(attempt.first_ms / 1000)


@cache
def _ended(operation: str, end: str) -> Any:
    return metrics.LLM_CALLS.labels(operation, end)


@cache
def _tokens(direction: str) -> Any:
    return metrics.LLM_TOKENS.labels(direction)
