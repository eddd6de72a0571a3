"""Which pages there are: a name for the picture, and where it is."""

from apps.accounts.models import Workspace
from apps.tasks.models import Task
from tests.dashboard.test_access import WORKSPACE_PAGES, _paths

PUBLIC = {
    "landing": "/",
    "models": "/models",
    "models-none": "/models?q=nothing-of-the-kind",
    "model": "/models/modelyard/illustration/text-to-image",
    "model-video": "/models/kling/video_generation",
    "model-chat": "/models/gpt-4o",
    "pricing": "/pricing",
    "docs": "/docs/",
    "docs-quickstart": "/docs/quickstart",
    "docs-webhooks": "/docs/webhooks",
    "docs-none": "/docs/?q=nothing-of-the-kind",
    "status": "/status",
    "status-family": "/status/kling",
    "changelog": "/changelog",
    "terms": "/terms",
    "privacy": "/privacy",
    "missing": "/nothing-here",
    "sign-in": "/auth/login/",
    "sign-up": "/auth/signup/",
    "forgotten": "/auth/password/reset/",
}
OWN = {
    "me": "/me",
    "me-data": "/me/data",
    "me-delete": "/me/delete",
    "me-sessions": "/me/sessions",
    "workspace-new": "/w/new",
    "addresses": "/auth/email/",
    "two-factor": "/auth/2fa/",
    "sign-out": "/auth/logout/",
}
# Files, and fragments that htmx asks for.
_NO_PAGES = (
    "accounts_period",
    "_csv",
    "_pdf",
    "_check",
    "_download",
    "llm_call_cost",
    "quote",
    "play_turn",
)


def of_workspace(workspace: Workspace) -> dict[str, str]:
    """Every page of a workspace that its owner may read."""
    paths = _paths(workspace)
    readable = {
        name: paths[name]
        for name, (method, answers) in WORKSPACE_PAGES.items()
        if method == "get" and answers[0] == 200 and not name.endswith(_NO_PAGES)
    }
    done = Task.objects.of(workspace.pk).filter(status="completed", model="modelyard/illustration")
    failed = Task.objects.of(workspace.pk).filter(status="failed")
    base = f"/w/{workspace.slug}"
    return readable | {
        "task": f"{base}/tasks/{done.latest('created_at').id}",
        "task-failed": f"{base}/tasks/{failed.latest('created_at').id}",
        "tasks-none": f"{base}/tasks?q=nothing-of-the-kind",
    }


# Where a workspace in which nothing has happened says what to do next.
_EMPTY = {
    "overview": "/", "tasks": "/tasks", "keys": "/keys", "usage": "/usage", "webhooks": "/webhooks",
    "notifications": "/notifications", "billing": "/billing", "transactions": "/billing/transactions",
    "invoices": "/billing/invoices", "accounts": "/accounts", "conversations": "/conversations",
    "assistants": "/assistants", "calls": "/llm/calls", "team": "/team",
    "audit": "/settings/audit", "settings": "/settings",
}  # fmt: skip


def of_empty(workspace: Workspace) -> dict[str, str]:
    return {f"empty-{name}": f"/w/{workspace.slug}{path}" for name, path in _EMPTY.items()}
