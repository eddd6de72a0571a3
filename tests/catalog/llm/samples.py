"""Entries of a list of models, as an operator would write them."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.catalog.llm.model import LlmKind, LlmModel

ENTRY = """
[[model]]
id = "acme-large"
kind = "chat"
title = "Acme Large"
owned_by = "acme"
context_tokens = 32_768
max_output_tokens = 4_096
released_on = 2026-01-31
rates = { input = 0.15, output = 0.6 }
routes = [["openai", "acme-large-v2"]]
"""


def write(folder: Path, text: str) -> str:
    """The path of a list with this text."""
    path = folder / "models.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def model(**fields: Any) -> LlmModel:
    values: dict[str, Any] = {
        "id": "acme-large",
        "kind": LlmKind.CHAT,
        "title": "Acme Large",
        "owned_by": "acme",
        "context_tokens": 32_768,
        "max_output_tokens": 4_096,
        "released_on": date(2026, 1, 31),
        "rates": {"input": Decimal("0.15"), "output": Decimal("0.6")},
    }
    return LlmModel(**{**values, **fields})
