"""A person's saved views of the task list."""

from django.db import IntegrityError, transaction

from apps.accounts.models import Membership
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence
from apps.core.tenancy import TenantQuerySet
from apps.tasks.models import SavedView
from apps.tasks.models.views import LONGEST_NAME, LONGEST_QUERY

MOST = 20


@transaction.atomic
def save_view(*, workspace_id: int, user_id: int, name: str, query: str) -> SavedView:
    """Keep filters under a name. Raises InvalidRequest for a name that is empty, too long or taken, and beyond 20."""
    name = _name(name)
    if len(query) > LONGEST_QUERY:
        raise InvalidRequest(sentence("These filters are too long to be kept; shorten the text."))
    # Two requests at once must not make 21 of 20.
    Membership.objects.select_for_update(no_key=True).get(
        workspace_id=workspace_id, user_id=user_id
    )
    if _own(workspace_id, user_id).count() >= MOST:
        raise InvalidRequest(
            sentence("There are {most} saved views already; delete one first.", most=MOST)
        )
    try:
        with transaction.atomic():
            return SavedView.objects.create(
                workspace_id=workspace_id, user_id=user_id, name=name, query=query
            )
    except IntegrityError:
        raise _taken(name) from None


def rename_view(*, workspace_id: int, user_id: int, view_id: int, name: str) -> None:
    """Raises NotFound for a view of somebody else, and InvalidRequest as `save_view` does."""
    name = _name(name)
    try:
        with transaction.atomic():
            changed = _own(workspace_id, user_id).filter(pk=view_id).update(name=name)
    except IntegrityError:
        raise _taken(name) from None
    if not changed:
        raise NotFound(sentence("There is no such view."))


def delete_view(*, workspace_id: int, user_id: int, view_id: int) -> None:
    """Safe to repeat. Somebody else's stays as it is."""
    _own(workspace_id, user_id).filter(pk=view_id).delete()


def _own(workspace_id: int, user_id: int) -> TenantQuerySet[SavedView]:
    return SavedView.objects.of(workspace_id).filter(user_id=user_id)


def _name(text: str) -> str:
    name = " ".join(text.replace("\x00", "").split())
    if not name:
        raise InvalidRequest(sentence("Give the view a name."))
    if len(name) > LONGEST_NAME:
        raise InvalidRequest(sentence("A name has at most {most} characters.", most=LONGEST_NAME))
    return name


def _taken(name: str) -> InvalidRequest:
    return InvalidRequest(
        sentence("You have a view called “{name}” already; choose another name.", name=name)
    )
