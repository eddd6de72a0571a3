"""What a workspace wants to be told, and how."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.accounts.services import audit
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence
from apps.notifications import selectors
from apps.notifications.events import EVENTS, Channel
from apps.notifications.models import NotificationPreference


@transaction.atomic
def set_preferences(
    *,
    workspace_id: int,
    wanted: Mapping[str, frozenset[Channel]],
    actor: User | None,
    ip: str | None = None,
) -> int:
    """Tell of each event in `wanted` by exactly these channels, and leave the others as they are.

    Says how many settings changed; if any did, an audit event names them. Raises InvalidRequest for an unknown event.
    """
    unknown = sorted(set(wanted) - set(EVENTS))
    if unknown:
        words = sentence("There is no event {name}.", name=unknown[0][:40])
        raise InvalidRequest.field("event", words)
    # The lock keeps two people's changes apart, so that the audit says what each of them changed.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    changed = {
        (one.event.type, channel): channel in wanted[one.event.type]
        for one in selectors.preferences(workspace_id=workspace_id)
        if one.event.type in wanted
        for channel in sorted(one.channels ^ wanted[one.event.type])
    }
    if changed:
        _keep(workspace_id, changed)
        audit(
            workspace_id=workspace_id,
            actor=actor,
            action="notifications.changed",
            target=f"{len(changed)} settings",
            ip=ip,
            detail={f"{event} {channel}": is_on for (event, channel), is_on in changed.items()},
        )
    return len(changed)


def _keep(workspace_id: int, changed: Mapping[tuple[str, Channel], bool]) -> None:
    NotificationPreference.objects.bulk_create(
        [
            NotificationPreference(
                workspace_id=workspace_id,
                event=event,
                channel=channel.value,
                is_on=is_on,
                updated_at=timezone.now(),
            )
            for (event, channel), is_on in changed.items()
        ],
        update_conflicts=True,
        unique_fields=["workspace", "event", "channel"],
        update_fields=["is_on", "updated_at"],
    )
