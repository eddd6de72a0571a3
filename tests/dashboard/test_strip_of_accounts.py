"""The strip of own accounts that take nothing until somebody acts, on every page; money's comes first."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.services import movements
from apps.byoa.models import Account
from apps.core.money import POINTS_PER_USD
from tests.factories import WorkspaceFactory
from tests.factories.byoa import own_account, seats

pytestmark = pytest.mark.django_db


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def stuck(workspace: Workspace) -> Account:
    return connected(workspace, "Studio")


def connected(workspace: Workspace, label: str, **fields: Any) -> Account:
    seats(workspace, "midjourney", 9)
    return own_account(
        workspace,
        **{
            "provider": "midjourney_bridge",
            "label": label,
            "status": "captcha_required",
            **fields,
        },
    )


def test_one_is_named_with_what_is_wrong_and_a_way_there(
    workspace: Workspace, owner: Client, stuck: Account
):
    page = text(owner, f"/w/{workspace.slug}/")

    assert "Your account Studio needs you." in page
    assert "The provider wants to see a person." in page
    assert f'href="/w/{workspace.slug}/accounts/midjourney/{stuck.pk}"' in page


def test_its_own_page_says_it_already(workspace: Workspace, owner: Client, stuck: Account):
    page = text(owner, f"/w/{workspace.slug}/accounts/midjourney/{stuck.pk}")

    assert "needs you." not in page


def test_several_are_counted(workspace: Workspace, owner: Client, stuck: Account):
    connected(workspace, "Second", status="banned")

    assert "2 of your own accounts need you." in text(owner, f"/w/{workspace.slug}/tasks")


@pytest.mark.parametrize(
    "fields", [{"status": "active"}, {"status": "cooling"}, {"is_paused": True}], ids=str
)
def test_account_that_waits_for_nobody_needs_nobody(
    workspace: Workspace, owner: Client, fields: dict[str, Any]
):
    connected(workspace, "Studio", **fields)

    assert "needs you." not in text(owner, f"/w/{workspace.slug}/")


def test_neighbours_accounts_are_not_in_it(workspace: Workspace, owner: Client):
    connected(WorkspaceFactory.create(), "Of somebody else")

    assert "needs you." not in text(owner, f"/w/{workspace.slug}/")


def test_who_may_not_see_accounts_reads_nothing_and_who_may_not_change_them_gets_no_button(
    workspace: Workspace, viewer: Client, billing: Client, stuck: Account
):
    pages = [text(client, f"/w/{workspace.slug}/") for client in (billing, viewer)]

    assert ["Your account Studio needs you." in page for page in pages] == [False, True]
    assert not any("See what to do" in page for page in pages)


def test_money_comes_first(workspace: Workspace, owner: Client, stuck: Account):
    movements.claw_back(
        workspace_id=workspace.pk, points=100 * POINTS_PER_USD, reference="payment:x:1", note=""
    )

    page = text(owner, f"/w/{workspace.slug}/")

    assert ("You owe" in page, "needs you." in page) == (True, False)
