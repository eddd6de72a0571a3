"""Callbacks of providers: hints that something may have happened. What did, we ask ourselves, with our key."""

from collections.abc import Mapping

import orjson
from django.db import connection

from apps.providers import registry
from apps.providers.base import Callback
from apps.tasks.models import Attempt
from apps.tasks.services import wakes
from apps.tasks.services.remote.steps import callback_secret

State = Attempt.State
_MEANINGFUL = (State.SENDING, State.UNKNOWN, State.ACCEPTED, State.ABANDONED)


def receive(*, reference: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Have the attempt of that reference looked at now. False when there is none. Safe to repeat, forge and reorder.

    A verified callback also tells which work is ours when the answer to the submit was lost.
    """
    attempt = Attempt.objects.filter(reference=reference).first()
    if attempt is None:
        return False
    if attempt.state in _MEANINGFUL:
        _adopt(attempt, _read(attempt, headers, body))
    return True


def _read(attempt: Attempt, headers: Mapping[str, str], body: bytes) -> Callback:
    try:
        adapter = registry.adapter(attempt.provider)
        return adapter.callback(
            headers=headers, body=body, secret=callback_secret(attempt.reference or "")
        )
    except (ValueError, TypeError, LookupError):
        # Anybody may post anything here; what an adapter cannot read is a hint all the same.
        return Callback()


# The raised `claims` takes the attempt from whoever was waiting for the answer.
_ADOPT = """
UPDATE tasks_attempt
   SET state = 'ACCEPTED', provider_id = %s, handle = %s, accepted_at = statement_timestamp(),
       next_at = statement_timestamp(), claims = claims + 1
 WHERE id = %s AND state IN ('SENDING', 'UNKNOWN') AND provider_id = ''
"""
_HASTEN = """
UPDATE tasks_attempt SET next_at = statement_timestamp()
 WHERE id = %s AND state IN ('ACCEPTED', 'UNKNOWN') AND next_at > statement_timestamp()
"""
# Known from here on where its submit was never answered: the provider can be asked to stop.
_LATE = """
UPDATE tasks_attempt
   SET next_at = statement_timestamp(), handle = CASE WHEN provider_id = '' THEN %s ELSE handle END,
       provider_id = CASE WHEN provider_id = '' THEN %s ELSE provider_id END
 WHERE id = %s AND state = 'ABANDONED'
"""


def _adopt(attempt: Attempt, callback: Callback) -> None:
    handle = orjson.dumps(dict(callback.handle)).decode()
    with connection.cursor() as cursor:
        if attempt.state in (State.SENDING, State.UNKNOWN) and callback.is_verified:
            cursor.execute(_ADOPT, [callback.provider_id, handle, attempt.pk])
        elif attempt.state == State.ABANDONED and callback.is_verified:
            cursor.execute(_LATE, [handle, callback.provider_id, attempt.pk])
        else:
            cursor.execute(_HASTEN, [attempt.pk])
    wakes.WORK.after_commit()
