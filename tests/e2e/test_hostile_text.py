"""Whatever a person may write or a provider may say stands on pages as text: nothing of it runs, nothing is loaded."""

import pytest
from django.db.models import Model

from apps.accounts.models import ApiKey, User, Workspace
from apps.byoa.models import Account
from apps.llm.models.conversations import Assistant, Conversation
from apps.notifications.models import Announcement, Endpoint
from apps.tasks.models import Task
from apps.tasks.models.views import LONGEST_NAME, SavedView
from tests.dashboard.test_access import _paths
from tests.e2e.conftest import Visitor
from tests.e2e.test_roles import walk
from tests.factories import owner_of
from tests.screens.world import lively

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# Out of an attribute, out of a script, out of a template; what runs would set `hit`, what is loaded asks for /hit.
HOSTILE = "\"'></title></script><img src=/hit onerror=hit=1><script>hit=1</script><svg/onload=hit=1>{{7*7}}"
_WRITTEN: dict[type[Model], tuple[str, ...]] = {
    User: ("name",),
    Workspace: ("name",),
    ApiKey: ("name",),
    Account: ("label",),
    Assistant: ("name", "instructions"),
    Conversation: ("title",),
    Endpoint: ("description",),
    Announcement: ("title", "text"),
}


@pytest.fixture
def acme() -> Workspace:
    """Something of everything, all of it with a hostile name."""
    workspace = lively()
    _paths(workspace)
    for model, names in _WRITTEN.items():
        manager = model._default_manager
        rows = (
            manager.across_workspaces() if hasattr(manager, "across_workspaces") else manager.all()
        )
        rows.update(**dict.fromkeys(names, HOSTILE[:100]))
    SavedView.objects.across_workspaces().update(name=HOSTILE[:LONGEST_NAME])
    Task.objects.of(workspace.pk).update(
        client_reference=HOSTILE[:60],
        error_message=HOSTILE,
        input={"prompt": HOSTILE, HOSTILE: HOSTILE},
    )
    Task.objects.of(workspace.pk).filter(status="completed").update(
        output={"text": HOSTILE, "image_url": f"javascript:{HOSTILE}", HOSTILE: HOSTILE}
    )
    workspace.refresh_from_db()
    return workspace


def test_nothing_that_somebody_wrote_runs(visitor: Visitor, acme: Workspace) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.on("dialog", lambda dialog: dialog.dismiss())
    visitor.context.add_init_script(
        "window.hit = 0; addEventListener('beforeunload', () => { if (window.hit) fetch('/hit') })"
    )
    visitor.sign_in(owner_of(acme), "correct horse")

    pages = walk(visitor, acme, "owner")

    assert len(pages) > 45
    assert HOSTILE[:100] in visitor.open(f"/w/{acme.slug}/keys").inner_text("main")
    assert [url for url in asked if "/hit" in url] == []
