"""A person's saved views, and what the filters of a list can be set to."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Value
from django.db.models.functions import Concat

from apps.accounts.models import ApiKey, Membership
from apps.tasks.models import SavedView

# Of very many keys or members the newest can be chosen; each can be asked for by the address.
_MOST = 200


def saved_views(*, workspace_id: int, user_id: int) -> list[SavedView]:
    """Theirs in this workspace, by name."""
    found = SavedView.objects.of(workspace_id).filter(user_id=user_id)
    return list(found.order_by("name"))


@dataclass(frozen=True)
class Choices:
    """Keys as (id, name, masked), members as (id of the person, address), views as (name, query string)."""

    keys: list[tuple[int, str, str]]
    members: list[tuple[int, str]]
    views: list[tuple[str, str]]


def choices(*, workspace_id: int, user_id: int) -> Choices:
    """What one person can choose from above the list of tasks. One query."""
    keys = ApiKey.objects.of(workspace_id).order_by("-id")
    masked = Concat("prefix", Value("…"), "last_four")
    members = Membership.objects.filter(workspace=workspace_id).order_by("-id")
    views = SavedView.objects.of(workspace_id).filter(user_id=user_id).order_by("name")
    parts: list[Any] = [
        keys.values_list(Value("key"), "pk", "name", masked)[:_MOST],
        members.values_list(Value("member"), "user_id", "user__email", Value(""))[:_MOST],
        views.values_list(Value("view"), "pk", "name", "query")[:_MOST],
    ]
    rows = list(parts[0].union(*parts[1:], all=True))
    people = [(number, name) for kind, number, name, _ in rows if kind == "member"]
    return Choices(
        keys=[(number, name, more) for kind, number, name, more in rows if kind == "key"],
        members=sorted(people, key=lambda one: one[1]),
        views=sorted((name, query) for kind, _, name, query in rows if kind == "view"),
    )
