"""What each member has read of the account's notices."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.notifications import jobs, selectors
from apps.notifications.models import Notice
from apps.notifications.services import notices
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, member, owner_of
from tests.notifications.account.helpers import noisy, shown

pytestmark = pytest.mark.django_db


def test_each_member_reads_by_themselves(workspace: Workspace) -> None:
    owner, viewer = owner_of(workspace), member(workspace, "viewer")
    for n in range(3):
        noisy(workspace, n)
    first, second, third = Notice.objects.of(workspace.pk).order_by("id")

    marked = [
        notices.mark_read(workspace_id=workspace.pk, user_id=owner.pk, upto=second.pk)
        for _ in range(2)
    ]

    assert marked == [2, 0]
    assert shown(workspace, owner) == [
        (third.message, True),
        (second.message, False),
        (first.message, False),
    ]
    counts = [
        selectors.unread_count(workspace_id=workspace.pk, user_id=person.pk)
        for person in (owner, viewer)
    ]
    assert counts == [1, 3]


def test_what_was_told_before_a_member_came_is_not_new_to_them(workspace: Workspace) -> None:
    noisy(workspace, 1)
    Notice.objects.of(workspace.pk).update(created_at=timezone.now() - timedelta(days=1))
    newcomer = member(workspace)

    assert shown(workspace, newcomer) == [("Number 1.", False)]
    assert selectors.unread_count(workspace_id=workspace.pk, user_id=newcomer.pk) == 0


def test_pages_of_the_bell_go_on_where_they_ended(workspace: Workspace) -> None:
    for n in range(5):
        noisy(workspace, n)
    asked = {"workspace_id": workspace.pk, "user_id": owner_of(workspace).pk, "limit": 3}

    first = selectors.notices(**asked)
    noisy(workspace, 5)
    second = selectors.notices(**asked, after=first.next)

    words = [[line.notice.message for line in page.items] for page in (first, second)]
    assert words == [["Number 4.", "Number 3.", "Number 2."], ["Number 1.", "Number 0."]]
    assert second.next is None


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_members_who_read_at_once_lose_nobodys_mark() -> None:
    workspace = WorkspaceFactory.create()
    for n in range(20):
        noisy(workspace, n)
    people = [owner_of(workspace), *(member(workspace) for _ in range(5))]

    problems = at_once(
        *[
            lambda person=person: notices.mark_read(
                workspace_id=workspace.pk, user_id=person.pk, upto=10**9
            )
            for person in people
        ],
        times=2,
    )

    assert problems == []
    everybody = sorted(person.pk for person in people)
    assert [sorted(row.read_by) for row in Notice.objects.of(workspace.pk)] == [everybody] * 20


def test_notices_are_forgotten_after_90_days(workspace: Workspace) -> None:
    for n, days in enumerate((91, 89)):
        noisy(workspace, n)
        Notice.objects.of(workspace.pk).filter(key=f"account_failover:{n}").update(
            created_at=timezone.now() - timedelta(days=days)
        )

    jobs.forget()

    assert [one.message for one in Notice.objects.of(workspace.pk)] == ["Number 1."]
