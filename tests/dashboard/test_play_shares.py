"""Links to a result: who may make one, what it shows, and when it shows nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.core.errors import InvalidRequest
from apps.files.models import StoredFile
from apps.tasks.models import Share, Task
from apps.tasks.services.shares import MOST_OPEN, create_share
from tests.factories import WorkspaceFactory, completed, identity, owner_of, task

HTMX = {"HX-Request": "true"}
PROMPT = "a fox in a forest"


def _shares(workspace: Workspace, made: Task) -> str:
    return f"/w/{workspace.slug}/tasks/{made.id}/shares"


def _made(
    workspace: Workspace, made: Task, *, shows_input: bool = False, hours: int = 24
) -> tuple[Share, str]:
    share, token = create_share(
        identity=identity(workspace), task_id=made.id, hours=hours, shows_input=shows_input
    )
    return share, f"/s/{token}"


def test_link_shows_the_result_to_anybody_and_only_the_result(
    workspace: Workspace, client: Client
) -> None:
    done = completed(workspace)
    _, link = _made(workspace, done)

    answer = client.get(link)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert f'src="{done.output["image_url"]}"' in page
    assert PROMPT not in page
    for secret in (workspace.slug, workspace.name, str(done.id), owner_of(workspace).email):
        assert secret not in page


def test_link_shows_the_input_where_the_sharer_chose_so(
    workspace: Workspace, client: Client
) -> None:
    _, link = _made(workspace, completed(workspace), shows_input=True)

    assert PROMPT in client.get(link).content.decode()


def test_output_that_repeats_the_prompt_does_not_tell_it(
    workspace: Workspace, client: Client
) -> None:
    done = completed(
        workspace,
        {
            "image_url": "http://testserver/files/a/1.png",
            "final_prompt": PROMPT,
            "clips": [{"lyrics": PROMPT}],
        },
    )
    _, link = _made(workspace, done)

    assert PROMPT not in client.get(link).content.decode()


def test_output_of_plain_values_is_shown_as_it_is(workspace: Workspace, client: Client) -> None:
    _, link = _made(workspace, completed(workspace, {"descriptions": ["one & two"]}))

    assert "one &amp; two" in client.get(link).content.decode()


def test_link_is_kept_by_nobody(workspace: Workspace, client: Client) -> None:
    _, link = _made(workspace, completed(workspace))

    answer = client.get(link)

    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex' in answer.content.decode()


def test_link_takes_few_queries(
    workspace: Workspace, client: Client, django_assert_max_num_queries: object
) -> None:
    _, link = _made(workspace, completed(workspace), shows_input=True)

    with django_assert_max_num_queries(4):  # type: ignore[operator]
        client.get(link)


def test_token_is_not_in_the_database(workspace: Workspace) -> None:
    share, link = _made(workspace, completed(workspace))

    share.refresh_from_db()
    token = link.removeprefix("/s/")
    assert len(token) == 32
    assert token.encode() not in bytes(share.digest)
    assert len(bytes(share.digest)) == 32


@pytest.mark.parametrize(
    "token",
    ["a", "A" * 32, "..", "%00", "é", "x" * 5000, "' OR 1=1 --", "_" * 32],
)
def test_guessed_link_does_not_exist(token: str, workspace: Workspace, client: Client) -> None:
    _made(workspace, completed(workspace))

    assert client.get(f"/s/{token}").status_code == 404


def test_link_with_one_letter_changed_does_not_exist(workspace: Workspace, client: Client) -> None:
    _, link = _made(workspace, completed(workspace))
    other = link[:-1] + ("A" if link[-1] != "A" else "B")

    assert [client.get(path).status_code for path in (link, other, f"{link}x", link[:-1])] == [
        200,
        404,
        404,
        404,
    ]


def test_link_ends_with_its_time(workspace: Workspace, client: Client) -> None:
    share, link = _made(workspace, completed(workspace), hours=1)
    past = timezone.now() - timedelta(seconds=1)
    Share.objects.of(workspace.pk).filter(pk=share.pk).update(
        created_at=past - timedelta(hours=1), expires_at=past
    )

    assert client.get(link).status_code == 404


def test_link_ends_when_it_is_revoked_and_again_does_no_harm(
    workspace: Workspace, client: Client, owner: Client
) -> None:
    share, link = _made(workspace, completed(workspace))
    path = f"/w/{workspace.slug}/shares/{share.pk}/revoke"

    first, again = owner.post(path), owner.post(path, headers=HTMX)

    assert (first.status_code, again.status_code) == (302, 200)
    assert client.get(link).status_code == 404
    actions = AuditEvent.objects.of(workspace.pk).filter(action__startswith="task.share")
    assert list(actions.order_by("id").values_list("action", flat=True)) == [
        "task.shared",
        "task.share_revoked",
    ]


def test_link_ends_with_its_task_its_files_or_its_workspace(
    workspace: Workspace, client: Client
) -> None:
    done = completed(workspace)
    _, link = _made(workspace, done)
    file = StoredFile.objects.create(
        workspace=workspace,
        kind="OUTPUT",
        key="out/a.png",
        content_type="image/png",
        size=1,
        task_id=done.id,
        expires_at=timezone.now(),
        deleted_at=timezone.now(),
    )
    without_files = client.get(link).status_code
    file.delete()
    Workspace.objects.filter(pk=workspace.pk).update(is_enabled=False)
    suspended = client.get(link).status_code
    Workspace.objects.filter(pk=workspace.pk).update(is_enabled=True)
    back = client.get(link).status_code
    done.delete()

    assert (without_files, suspended, back) == (404, 404, 200)
    assert client.get(link).status_code == 404


def test_making_a_link_shows_it_once(workspace: Workspace, owner: Client, client: Client) -> None:
    done = completed(workspace)

    answer = owner.post(_shares(workspace, done), {"hours": "168", "shows_input": "on"})
    link = answer.context["link"]
    later = owner.get(_shares(workspace, done))

    [share] = Share.objects.of(workspace.pk)
    left = share.expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert (share.shows_input, share.created_by) == (True, owner_of(workspace))
    assert link in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"
    assert link not in later.content.decode()
    assert client.get(link.removeprefix("http://testserver")).status_code == 200


def test_making_a_link_by_htmx_gives_the_part(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_shares(workspace, completed(workspace)), {"hours": "1"}, headers=HTMX)

    assert answer.content.strip().startswith(b'<section id="share"')


@pytest.mark.parametrize("hours", ["", "2", "-1", "nonsense", "9" * 500, "0"])
def test_link_of_a_strange_life_is_refused(hours: str, workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_shares(workspace, completed(workspace)), {"hours": hours})

    assert (answer.status_code, list(Share.objects.of(workspace.pk))) == (422, [])
    assert list(answer.context["form"].errors) == ["hours"]


def test_unfinished_task_has_nothing_to_share(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_shares(workspace, task(workspace)), {"hours": "1"})

    assert answer.status_code == 422
    assert "Only a completed task has something to share." in answer.content.decode()


def test_task_whose_files_are_gone_has_nothing_to_share(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)
    StoredFile.objects.create(
        workspace=workspace,
        kind="OUTPUT",
        key="out/gone.png",
        content_type="image/png",
        size=1,
        task_id=done.id,
        expires_at=timezone.now(),
        deleted_at=timezone.now(),
    )

    answer = owner.post(_shares(workspace, done), {"hours": "1"})

    assert (answer.status_code, list(Share.objects.of(workspace.pk))) == (422, [])


def test_links_to_one_task_are_not_endless(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    for _ in range(MOST_OPEN):
        _made(workspace, done)

    answer = owner.post(_shares(workspace, done), {"hours": "1"})

    assert (answer.status_code, Share.objects.of(workspace.pk).count()) == (422, MOST_OPEN)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_links_at_once_do_not_pass_the_limit() -> None:
    workspace = WorkspaceFactory.create()
    done = completed(workspace)
    for _ in range(MOST_OPEN - 1):
        _made(workspace, done)
    start = Barrier(4)

    def make(_: int) -> bool:
        try:
            start.wait()
            _made(workspace, done)
            return True
        except InvalidRequest:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make, range(4)))

    assert (sum(made), Share.objects.of(workspace.pk).count()) == (1, MOST_OPEN)


def test_links_of_a_neighbour_do_not_exist(workspace: Workspace, owner: Client) -> None:
    neighbour = WorkspaceFactory.create()
    theirs = completed(neighbour)
    share, _ = _made(neighbour, theirs)

    answers = [
        owner.get(_shares(workspace, theirs)).status_code,
        owner.post(_shares(workspace, theirs), {"hours": "1"}).status_code,
        owner.post(f"/w/{workspace.slug}/shares/{share.pk}/revoke").status_code,
    ]

    share.refresh_from_db()
    assert (answers, share.revoked_at) == ([404, 404, 404], None)
    assert Share.objects.across_workspaces().count() == 1


def test_list_shows_only_this_tasks_links_that_work(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    share, _ = _made(workspace, done)
    _made(workspace, completed(workspace))

    assert list(owner.get(_shares(workspace, done)).context["shares"]) == [share]


def test_viewer_sees_links_and_makes_none(workspace: Workspace, viewer: Client) -> None:
    done = completed(workspace)

    seen = viewer.get(_shares(workspace, done))
    made = viewer.post(_shares(workspace, done), {"hours": "1"})

    assert (seen.status_code, made.status_code) == (200, 403)
    assert "Make a link" not in seen.content.decode()
