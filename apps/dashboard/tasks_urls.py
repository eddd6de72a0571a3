"""The pages about tasks, below /w/<slug>/tasks; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views.tasks import bulk, listing, one, saved

_TASKS = "w/<slug:slug>/tasks"

urlpatterns: list[URLPattern] = [
    path(_TASKS, listing.task_list, name="tasks"),
    path(f"{_TASKS}.csv", listing.task_csv, name="tasks_csv"),
    path(f"{_TASKS}/cancel", bulk.cancel, name="tasks_cancel"),
    path(f"{_TASKS}/again", bulk.again, name="tasks_again"),
    path(f"{_TASKS}/download", bulk.download, name="tasks_download"),
    path(f"{_TASKS}/views", saved.view_list, name="task_views"),
    path(f"{_TASKS}/views/<int:view_id>/rename", saved.view_rename, name="task_view_rename"),
    path(f"{_TASKS}/views/<int:view_id>/delete", saved.view_delete, name="task_view_delete"),
    path(f"{_TASKS}/<uuid:task_id>", one.task_detail, name="task"),
    path(f"{_TASKS}/<uuid:task_id>/cancel", one.task_cancel, name="cancel"),
    path(f"{_TASKS}/<uuid:task_id>/download", one.task_download, name="task_download"),
    path(f"{_TASKS}/<uuid:task_id>/replay/<uuid:event_id>", one.webhook_replay, name="replay"),
]
