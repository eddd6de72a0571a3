"""A whole answer was charged and its gateway died before it left: nobody got it, so nobody pays for it."""

import uuid
from collections.abc import Sequence

from django.db import connection, transaction

from apps.llm.models import End
from apps.llm.models.usage import UsageMark

# Only of blocks that are still open: what was settled is paid. The sums by the hour may have the row already.
_TAKE_BACK = """
WITH found AS (
    SELECT u.id, u.points, u.input_tokens, u.output_tokens FROM llm_usage u
      JOIN llm_creditblock b ON b.id = u.block_id AND b.state = 'open'
     WHERE u.attempt = ANY(%(attempts)s::uuid[]) AND NOT u.is_stream AND u.points > 0 ORDER BY u.id FOR UPDATE OF u
), taken AS (
    UPDATE llm_usage u
       SET "end" = %(end)s, points = 0, usage_source = 'none', input_tokens = 0, cached_tokens = 0, output_tokens = 0,
           reasoning_tokens = 0, units = '{}',
           error = 'The gateway died before the answer left; ' || found.points || ' points were taken back.'
      FROM found WHERE u.id = found.id
 RETURNING u.id, u.workspace_id, u.model, u.api_key_id, date_trunc('hour', u.created_at, 'UTC') AS hour,
           found.points, found.input_tokens, found.output_tokens
), summed AS (
    UPDATE llm_usagehour h
       SET failed = h.failed + t.calls, points = h.points - t.points, input_tokens = h.input_tokens - t.input_tokens,
           output_tokens = h.output_tokens - t.output_tokens
      FROM (SELECT workspace_id, model, api_key_id, hour, count(*) AS calls, sum(points) AS points,
                   sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
              FROM taken WHERE id <= %(counted_to)s GROUP BY 1, 2, 3, 4) t
     WHERE h.workspace_id = t.workspace_id AND h.model = t.model AND h.hour = t.hour
       AND h.api_key_id IS NOT DISTINCT FROM t.api_key_id
)
SELECT count(*) FROM taken
"""


@transaction.atomic
def take_back(attempts: Sequence[uuid.UUID]) -> int:
    """Free those of the attempts that were charged for whole answers; says how many. Safe to repeat."""
    if not attempts:
        return 0
    UsageMark.objects.bulk_create([UsageMark(pk=1)], ignore_conflicts=True)
    # Nothing is summed meanwhile.
    mark = UsageMark.objects.select_for_update().get(pk=1)
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE_BACK,
            {
                "attempts": list(attempts),
                "end": End.GATEWAY_LOST.value,
                "counted_to": mark.counted_to,
            },
        )
        return int(cursor.fetchone()[0])
