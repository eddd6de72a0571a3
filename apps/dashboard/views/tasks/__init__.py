"""Tasks: the list, one task, many at once, saved views."""

from apps.dashboard.views.tasks.one import preview_context

__all__ = ["preview_context"]
