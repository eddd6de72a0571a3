"""How far work at providers is, for whoever watches: percent, and pictures of the unfinished work."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from apps.files.services import store
from apps.tasks.models import Status, Task
from apps.tasks.services import notices, webhooks
from apps.tasks.services.remote.outcomes import Glimpse, Moved

# Progress never goes back, whatever a provider says; a new picture is news all the same.
_PROGRESS = """
WITH locked AS MATERIALIZED (
    SELECT id FROM tasks_task WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tasks_task t
   SET progress = GREATEST(t.progress, v.progress),
       output = CASE WHEN v.url = '' OR jsonb_typeof(t.output) IS DISTINCT FROM 'object' THEN t.output
                     ELSE jsonb_set(t.output, '{intermediate_image_urls}',
                          CASE jsonb_typeof(t.output -> 'intermediate_image_urls')
                               WHEN 'array' THEN t.output -> 'intermediate_image_urls' ELSE '[]'::jsonb END
                          || to_jsonb(v.url)) END
  FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::text[]) AS v (id, number, progress, url)
  JOIN locked ON locked.id = v.id
 WHERE t.id = v.id AND t.attempt = v.number AND t.status = 'processing' AND (t.progress < v.progress OR v.url <> '')
RETURNING t.id
"""
_SEEN = """
WITH locked AS MATERIALIZED (
    SELECT id FROM tasks_attempt WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tasks_attempt a SET previews = a.previews + 1, last_preview = v.digest
  FROM unnest(%s::bigint[], %s::text[]) AS v (id, digest) JOIN locked ON locked.id = v.id
 WHERE a.id = v.id AND a.last_preview <> v.digest
"""


@transaction.atomic
def write(moved: Sequence[Moved | Glimpse]) -> None:
    """Write what is new of tasks that still run, and tell streams and webhooks of it."""
    news = [one for one in moved if _is_news(one)]
    if not news:
        return
    tasks = [one.due.task_id for one in news]
    columns: list[list[Any]] = [
        tasks,
        tasks,
        [one.due.number for one in news],
        [max(0, min(99, one.running.progress or 0)) for one in news],
        [one.url if isinstance(one, Glimpse) else "" for one in news],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, columns)
        ids = [task_id for (task_id,) in cursor.fetchall()]
        _remember(cursor, [one for one in news if isinstance(one, Glimpse)])
    _discard([one for one in news if isinstance(one, Glimpse) and one.due.task_id not in ids])
    notices.changed(ids)
    told = Task.objects.across_workspaces().filter(
        id__in=ids, webhook_progress=True, status=Status.PROCESSING
    )
    webhooks.announce(told.exclude(webhook_endpoint=""), kind="processing")


def _is_news(one: Moved | Glimpse) -> bool:
    return isinstance(one, Glimpse) or one.running.progress is not None


def _remember(cursor: Any, seen: Sequence[Glimpse]) -> None:
    if seen:
        ids = [one.due.id for one in seen]
        cursor.execute(_SEEN, [ids, ids, [one.digest for one in seen]])


def _discard(unwanted: Sequence[Glimpse]) -> None:
    """Of tasks that ended meanwhile nothing stays; the bytes go once it is certain that nothing names them."""
    files = [file for one in unwanted for file in one.files]
    if files:
        transaction.on_commit(lambda: store.discard(files))
