"""What the operator may do to a customer's account: pause it, with a reason that its owner reads."""

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import audit
from apps.byoa import policies, stored
from apps.byoa.models import Account
from apps.byoa.services import backups, statuses
from apps.core.errors import InvalidRequest, NotFound


def pause(*, account_id: int, actor: User | None, reason: str) -> None:
    """Let it take no new tasks. Its owner sees why in its history, and may start it again.

    Raises InvalidRequest (no reason, or it is paused already) and NotFound, also for an account of the pool.
    """
    reason = reason.strip()[:200]
    if not reason:
        raise InvalidRequest.field("reason", "Say why; its owner reads it.")
    account, event_id = _paused(account_id, actor, reason)
    if event_id is not None:
        backups.stand_in(account, key=f"account-event:{event_id}")


@transaction.atomic
def _paused(account_id: int, actor: User | None, reason: str) -> tuple[Account, int | None]:
    """The account, and the history's line when it took tasks until now."""
    found = statuses.locked(account_id=account_id)
    if found is None or found[0].workspace_id is None:
        raise NotFound(f"There is no account {account_id} of a customer.")
    account, now = found
    if account.is_paused:
        raise InvalidRequest("It is paused already.")
    was_able = policies.is_able(account, now=now)
    account.is_paused = True
    account.save(update_fields=["is_paused", "updated_at"])
    event = statuses.note(account, stored.PAUSED_BY_OPERATOR.format(said=reason))
    audit(
        workspace_id=account.workspace_id or 0,
        actor=actor,
        action="account.paused_by_operator",
        target=account.label,
        detail={"account": account.pk, "family": account.family, "reason": reason},
    )
    return account, event.pk if was_able else None
