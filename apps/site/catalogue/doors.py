"""From a public page into somebody's own workspace."""

from django.urls import reverse
from django.utils.http import urlencode

from apps.accounts import selectors
from apps.accounts.models import User
from apps.catalog.llm.model import WILDCARD, LlmKind, LlmModel
from apps.catalog.spec import TaskSpec
from apps.site.catalogue.entries import Entry

# Under it the dashboard notes in the session where somebody was last.
LAST_WORKSPACE = "last_workspace"


def has_playground(entry: Entry) -> bool:
    """Whether a page of the dashboard can try it: every task type, and models to talk to."""
    thing = entry.thing
    if isinstance(thing, TaskSpec):
        return True
    return thing.kind is LlmKind.CHAT and not thing.id.endswith(WILDCARD)


def playground_url(entry: Entry, *, slug: str) -> str:
    thing = entry.thing
    if isinstance(thing, LlmModel):
        return f"{reverse('dashboard:chat', args=[slug])}?{urlencode({'model': thing.id})}"
    names = {"slug": slug, "model": thing.model, "task_type": thing.task_type}
    return reverse("dashboard:play", kwargs=names)


def workspace_of(user: User, *, last: str) -> str:
    """The slug of the workspace of last time, or of the first; empty for somebody who has none."""
    slugs = [found.workspace.slug for found in selectors.memberships(user=user)]
    return last if last in slugs else next(iter(slugs), "")
