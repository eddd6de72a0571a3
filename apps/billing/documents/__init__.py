"""Documents on paper and screen.

`Document` is everything that is printed, as text; the page (templates/dashboard/billing/_document.html) and the PDF
(templates/document.typ) both print exactly that, so that they cannot say different things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Party:
    """Somebody on a document: the first line is the name."""

    heading: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Row:
    """A line of a table; `is_sum` sets it apart."""

    cells: Sequence[str]
    is_sum: bool = False


@dataclass(frozen=True)
class Table:
    """The first column holds words, all others numbers."""

    title: str
    head: Sequence[str]
    rows: Sequence[Row]
    empty: str = ""


@dataclass(frozen=True)
class Document:
    """What is printed. `written_at` is the PDF's own date: the same document is the same bytes."""

    title: str
    written_at: datetime
    facts: Sequence[tuple[str, str]]
    parties: Sequence[Party]
    tables: Sequence[Table]
    notes: Sequence[str] = field(default_factory=tuple)
    # Printed across the top: what keeps it from being mistaken for another document.
    mark: str = ""
