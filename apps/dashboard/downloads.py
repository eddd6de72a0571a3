"""Files that a page offers, made while they are sent."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse

from apps.core.tables import csv_lines


def csv_file(
    *, name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]
) -> StreamingHttpResponse:
    """A table as a CSV file called `name`; rows are read while it is sent, so its size does not matter."""
    response = StreamingHttpResponse(
        csv_lines(header=header, rows=rows), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def pdf_file(*, name: str, data: bytes) -> HttpResponse:
    """A document to keep, called `name`, which must be plain letters, digits, dots and dashes."""
    response = HttpResponse(data, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
