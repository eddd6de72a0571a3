"""What gateways made accounts do, counted in their rows from time to time."""

from collections.abc import Mapping

from django.db import connection

_COUNT = """
WITH used AS (SELECT * FROM unnest(%s::bigint[], %s::int[]) AS v (id, calls)),
locked AS MATERIALIZED (SELECT id FROM byoa_account WHERE id IN (SELECT id FROM used) ORDER BY id FOR NO KEY UPDATE)
UPDATE byoa_account a
   SET day = (statement_timestamp() AT TIME ZONE 'UTC')::date,
       day_count = used.calls + CASE WHEN a.day = (statement_timestamp() AT TIME ZONE 'UTC')::date
                                     THEN a.day_count ELSE 0 END
  FROM used JOIN locked USING (id) WHERE a.id = used.id
"""


def count(*, calls: Mapping[int, int]) -> None:
    """Add calls (by account) to what the accounts did today, for their caps and their reports."""
    if not calls:
        return
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(calls), list(calls.values())])
