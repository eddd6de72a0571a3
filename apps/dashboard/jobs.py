"""Celery entry points of the dashboard: each calls one function. All of them may run twice or at once."""

from celery import shared_task

from apps.dashboard import closing, exports


@shared_task(name="dashboard.export", ignore_result=True)
def export(*, export_id: int) -> None:
    exports.build(export_id=export_id)


@shared_task(name="dashboard.exports", ignore_result=True)
def sweep() -> None:
    exports.sweep()


@shared_task(name="dashboard.close_workspaces", ignore_result=True)
def close_workspaces() -> None:
    closing.sweep()
