"""A person's saved views."""

from apps.tasks.models import SavedView


def saved_views(*, workspace_id: int, user_id: int) -> list[SavedView]:
    """Theirs in this workspace, by name."""
    found = SavedView.objects.of(workspace_id).filter(user_id=user_id)
    return list(found.order_by("name"))
