"""Counting finished work for the pages, in the transaction that finishes it."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.tasks.models import Status, Task

# Sorted, so that two transactions that count for the same workspaces lock the rows in one order.
_COUNT = """
INSERT INTO tasks_usagebucket AS b (workspace_id, starts_at, family, completed, failed, cancelled, cost_points)
SELECT workspace_id, date_bin('15 minutes', statement_timestamp(), TIMESTAMPTZ '2000-01-01 00:00:00+00'), family,
       count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
       count(*) FILTER (WHERE status = 'cancelled'), sum(cost)
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS v (workspace_id, family, status, cost)
 GROUP BY workspace_id, family ORDER BY workspace_id, family
ON CONFLICT (workspace_id, starts_at, family) DO UPDATE
   SET completed = b.completed + EXCLUDED.completed, failed = b.failed + EXCLUDED.failed,
       cancelled = b.cancelled + EXCLUDED.cancelled, cost_points = b.cost_points + EXCLUDED.cost_points
"""


def count(tasks: Sequence[Task]) -> None:
    """Add ended tasks to their quarter of an hour."""
    columns: list[list[Any]] = [
        [task.workspace_id for task in tasks],
        [task.family for task in tasks],
        [Status(task.status).value for task in tasks],
        [task.cost_points for task in tasks],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, columns)
