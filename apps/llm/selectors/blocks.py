"""Credit blocks as their operator sees them."""

from dataclasses import dataclass

from django.db import connection

_OPEN = """
SELECT count(*), COALESCE(sum(points), 0)::bigint, count(DISTINCT gateway),
       COALESCE(EXTRACT(EPOCH FROM statement_timestamp() - min(created_at)), 0)::float,
       count(*) FILTER (WHERE lease_until < statement_timestamp())
  FROM llm_creditblock WHERE state = 'open'
"""


@dataclass(frozen=True)
class OpenBlocks:
    """What gateways hold now: blocks, points, processes, the age of the oldest, and those whose holder is gone."""

    count: int
    points: int
    gateways: int
    oldest_seconds: float
    left_behind: int


def open_blocks() -> OpenBlocks:
    """Of all workspaces. One query over what is open."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        return OpenBlocks(*cursor.fetchone())
