"""Old deliveries are deleted."""

from django.db import connection

DAYS = 30
_BATCH = 5_000
_FORGET = """
DELETE FROM notifications_delivery WHERE id = ANY (ARRAY(
    SELECT id FROM notifications_delivery
     WHERE created_at < statement_timestamp() - %s * interval '1 day' AND state <> 'WAITING'
     ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
))
"""


def forget() -> int:
    """Delete deliveries that ended and are older than 30 days, and say how many. Safe to repeat and to interrupt."""
    total = 0
    while True:
        # In batches: each its own transaction, so that no statement takes longer than a request may wait.
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [DAYS, _BATCH])
            deleted: int = cursor.rowcount
        total += deleted
        if deleted < _BATCH:
            return total


# What was deleted stands until nothing of its log is left.
_FORGET_ENDPOINTS = """
DELETE FROM notifications_endpoint e
 WHERE e.state = 'DELETED' AND e.state_since < statement_timestamp() - %s * interval '1 day'
   AND NOT EXISTS (SELECT FROM notifications_delivery d WHERE d.hook_id = e.id)
   AND NOT EXISTS (SELECT FROM notifications_replayrun r WHERE r.endpoint_id = e.id)
"""
_FORGET_RUNS = """
DELETE FROM notifications_replayrun WHERE ended_at < statement_timestamp() - %s * interval '1 day'
"""


def forget_endpoints() -> None:
    """Delete replay runs after 30 days, and deleted endpoints with the last of their deliveries. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_RUNS, [DAYS])
        cursor.execute(_FORGET_ENDPOINTS, [DAYS])
