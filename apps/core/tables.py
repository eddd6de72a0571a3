"""Tables as CSV, for spreadsheets: RFC 4180, UTF-8, and no cell that a spreadsheet would take for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

# Texts of customers reach other people's spreadsheets; one of these at the start makes a formula of it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ROWS_AT_ONCE = 500


def csv_lines(*, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The table in pieces of text, a few hundred rows each, made as they are asked for.

    Texts that look like a formula get an apostrophe in front; numbers and times stay as they are.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        writer.writerow([_cell(value) for value in row])
        if number % _ROWS_AT_ONCE == 0:
            yield _drained(buffer)
    yield _drained(buffer)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    if isinstance(value, Decimal):
        # Never as a power of ten.
        return f"{value:f}"
    return "" if value is None else value


def _drained(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
