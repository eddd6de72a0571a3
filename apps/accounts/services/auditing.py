"""The audit log: what is written into it, and that it holds no secret."""

from typing import Any

from apps.accounts.models import AuditEvent, User


def audit(
    *,
    workspace_id: int,
    actor: User | None,
    action: str,
    target: str,
    ip: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Keep for good who did what in a workspace, in the caller's transaction. `detail` holds no secret.

    What changed stands in it as {"before": …, "after": …}.
    """
    AuditEvent.objects.create(
        workspace_id=workspace_id,
        actor=actor,
        action=action,
        target=target[:100],
        ip=ip,
        detail=detail or {},
    )
