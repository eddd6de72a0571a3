"""What an account is able to do, as the answers to its work show.

active → cooling (several failures, or "come back later") → one task as a probe → active, or cooling for longer.
active → parked (credentials, balance, …), from which `services.checks` brings it back.

Both functions hold the rows they lock to the end of the caller's transaction, and each takes its own in the order of
ids: call them after a transaction, or `failed` for one account in it.
"""

from collections.abc import Collection

from django.db import connection, transaction

from apps.byoa import policies, stored
from apps.byoa.models import Status
from apps.byoa.services import statuses
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    ProviderUnavailable,
)

_WORKED = """
WITH locked AS MATERIALIZED (
    SELECT id, status FROM byoa_account
     WHERE id = ANY(%s::bigint[])
       AND ((status = 'active' AND failures > 0) OR status = 'checking'
            OR (status = 'cooling' AND resume_at <= statement_timestamp()))
     ORDER BY id FOR NO KEY UPDATE),
healed AS (
    UPDATE byoa_account a
       SET failures = 0, status = 'active', status_reason = '', resume_at = NULL,
           status_since = CASE WHEN a.status = 'active' THEN a.status_since ELSE statement_timestamp() END
      FROM locked WHERE a.id = locked.id
 RETURNING a.id, locked.status AS was)
INSERT INTO byoa_accountevent (account_id, status, reason, created_at)
SELECT id, 'active', %s, statement_timestamp() FROM healed WHERE was <> 'active'
"""
_IN_USE = (Status.ACTIVE, Status.COOLING)


def worked(*, account_ids: Collection[int]) -> None:
    """These accounts did what they were asked. One statement that writes nothing when all was well before.

    A cool-down that is not over stays: what was sent before it may still succeed while new work is turned away.
    """
    if not account_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_WORKED, [sorted(set(account_ids)), stored.WORKS_AGAIN])


@transaction.atomic
def failed(*, account_id: int, error: ProviderError) -> None:
    """An account did not do what it was asked. What says nothing about the account (ProviderRefused) changes nothing.

    Failures in a row are counted while the account is in use. What was under way when it began to rest is not counted
    again, but a provider that asks for a longer rest then gets it.
    """
    if not isinstance(error, ProviderUnavailable | BadCredentials | AccountNeedsOwner):
        return
    found = statuses.locked(account_id=account_id)
    if found is None or found[0].status not in _IN_USE:
        # Gone, or parked: it can do no worse.
        return
    account, now = found
    reason = statuses.reason(account, error)
    if isinstance(error, AccountNeedsOwner) and error.need == Need.FAST_HOURS:
        statuses.out_of_fast(account, reason=reason)
        return
    if not isinstance(error, ProviderUnavailable):
        until = statuses.blocked_until(error)
        status = statuses.parked(error)
        statuses.park(account, status=status, reason=reason, now=now, block_until=until)
        return
    rest = policies.rest(
        now=now,
        failures=account.failures,
        resume_at=account.resume_at if account.status == Status.COOLING else None,
        retry_after=error.retry_after_seconds,
    )
    status = Status.ACTIVE if rest.until is None else Status.COOLING
    statuses.write(
        account, status=status, reason=reason, resume_at=rest.until, failures=rest.failures
    )
