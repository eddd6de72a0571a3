"""The end of automatic top-ups that nobody asked for: off, with the reason, and people told."""

from apps.accounts import services as accounts
from apps.billing.models import AutoTopUp
from apps.billing.selectors.people import recipients
from apps.notifications.services import mail

_LONGEST_REASON = 300


def locked(*, workspace_id: int) -> AutoTopUp | None:
    """What is set, for the rest of the transaction ours alone. None where nothing was ever set."""
    rows = AutoTopUp.objects.of(workspace_id).select_for_update(of=("self",))
    return rows.select_related("workspace").first()


def stop(*, row: AutoTopUp | None, reason: str) -> None:
    """Switch it off and tell whoever minds the money. In the caller's transaction, with the row locked."""
    if row is None or not row.is_on:
        return
    row.is_on, row.stopped_reason = False, reason[:_LONGEST_REASON]
    row.save(update_fields=["is_on", "stopped_reason", "failures", "updated_at"])
    accounts.audit(
        workspace_id=row.workspace_id,
        actor=None,
        action="auto_topup.stopped",
        target="off",
        detail={"reason": row.stopped_reason},
    )
    mail.add(
        key=f"auto_topup_stopped:{row.workspace_id}:{row.updated_at.isoformat()}",
        to=recipients(workspace_id=row.workspace_id),
        template="auto_topup_stopped",
        # Whole, a sentence of ours can be said in each reader's language.
        context={
            "workspace": row.workspace,
            "reason": reason if len(reason) <= _LONGEST_REASON else row.stopped_reason,
        },
        workspace_id=row.workspace_id,
    )
