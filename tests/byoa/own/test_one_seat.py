"""An account sits on one seat, wherever it is, and nobody learns whose that is."""

from collections.abc import Callable

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.byoa.selectors import NoSeat
from apps.byoa.services import own
from apps.byoa.services.terms import Terms
from apps.core.errors import InvalidRequest
from tests.byoa.own.helpers import CANARY, connect, refused, who
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account, seats
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db


def test_account_on_another_seat_is_refused_without_saying_whose(
    workspace: Workspace, upstream: Upstream
):
    neighbour = WorkspaceFactory.create(name="Neighbour Ltd")
    seats(neighbour, "kling")
    seats(workspace, "kling", 2)
    seats(workspace, "flux")
    connect(neighbour, upstream, credential=CANARY)

    field, words = refused(lambda: connect(workspace, upstream, credential=CANARY))

    assert (field, "Neighbour" in words, CANARY in words) == ("credential", False, False)
    connect(workspace, upstream, credential="ours")
    for family in ("kling", "flux"):
        # Not on another seat of the same workspace either.
        assert refused(lambda f=family: connect(workspace, upstream, family=f))[0] == "credential"
    assert Account.objects.of(workspace.pk).count() == 1


def test_same_words_at_another_server_are_another_account(
    workspace: Workspace, make_upstream: Callable[[], Upstream]
):
    seats(workspace, "kling", 2)
    first, second = make_upstream(), make_upstream()

    connect(workspace, first)
    connect(workspace, second)

    digests = Account.objects.of(workspace.pk).values_list("credential_digest", flat=True)
    assert len(set(digests)) == 2
    assert all("ours" not in digest and len(digest) == 64 for digest in digests)


def test_path_and_letter_case_of_the_address_make_no_other_account(
    workspace: Workspace, upstream: Upstream
):
    seats(workspace, "kling", 2)
    connect(workspace, upstream)
    other = Terms(label="Again", base_url=upstream.url.replace("http", "HTTP") + "/")

    assert refused(lambda: connect(workspace, upstream, terms=other))[0] == "credential"


def test_credential_is_free_again_once_its_account_is_deleted(
    workspace: Workspace, upstream: Upstream
):
    neighbour = WorkspaceFactory.create()
    seats(workspace, "kling")
    seats(neighbour, "kling")
    made = connect(workspace, upstream)

    own.delete(**who(workspace, made))

    assert connect(neighbour, upstream).workspace_id == neighbour.pk


def test_operators_account_may_share_its_credential(workspace: Workspace, upstream: Upstream):
    seats(workspace, "kling")
    account(base_url=upstream.url, credential="ours")
    account(base_url=upstream.url, credential="ours")

    assert connect(workspace, upstream).workspace_id == workspace.pk


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_at_once_on_the_last_seat_leave_one_account(workspace: Workspace, upstream: Upstream):
    seats(workspace, "kling")

    problems = at_once(
        *[lambda n=n: connect(workspace, upstream, credential=f"key-{n}") for n in range(4)]
    )

    assert [type(one) for one in problems] == [NoSeat] * 3
    assert Account.objects.of(workspace.pk).count() == 1


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_same_account_connected_twice_at_once_sits_on_one_seat(upstream: Upstream):
    workspaces = [WorkspaceFactory.create() for _ in range(4)]
    for one in workspaces:
        seats(one, "kling")

    problems = at_once(*[lambda w=one: connect(w, upstream) for one in workspaces])

    assert [type(one) for one in problems] == [InvalidRequest] * 3
    assert Account.objects.across_workspaces().count() == 1
