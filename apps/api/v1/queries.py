"""Parameters that several lists share."""

import re
from datetime import UTC, datetime

from django.http import QueryDict

from apps.core.errors import InvalidRequest

_UNIX_SECONDS = re.compile(r"[0-9]{1,11}")


def instant(query: QueryDict, name: str) -> datetime | None:
    """A time in Unix seconds, None without it. Raises InvalidRequest."""
    text = query.get(name, "")
    if not text:
        return None
    if not _UNIX_SECONDS.fullmatch(text):
        raise InvalidRequest.field(name, "Give a Unix time in whole seconds.")
    return datetime.fromtimestamp(int(text), UTC)
