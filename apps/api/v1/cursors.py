"""Where a page of a list ends, as text that clients hand back unread."""

import base64
import binascii
import struct
import uuid
from datetime import UTC, datetime, timedelta

from apps.core.errors import InvalidRequest
from apps.tasks.selectors import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = struct.Struct(">q16s")


def encoded(position: Position | None) -> str | None:
    """URL-safe text, or None at the end of the list. It says nothing that the list itself does not."""
    if position is None:
        return None
    microseconds = (position.created_at - _EPOCH) // timedelta(microseconds=1)
    packed = _FORMAT.pack(microseconds, position.task_id.bytes)
    return base64.urlsafe_b64encode(packed).decode()


def decoded(text: str) -> Position:
    """The position. Raises InvalidRequest for what `encoded` never made."""
    try:
        microseconds, task_id = _FORMAT.unpack(
            base64.b64decode(text, altchars=b"-_", validate=True)
        )
        created_at = _EPOCH + timedelta(microseconds=microseconds)
    except (ValueError, OverflowError, struct.error, binascii.Error):
        raise InvalidRequest.field(
            "cursor", "Give next_cursor of an earlier answer, unchanged."
        ) from None
    return Position(created_at, uuid.UUID(bytes=task_id))
