"""LLM calls in the operator's console: what was used and charged, to look at and not to change, without the words."""

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.llm.models import Usage
from apps.llm.services import contents
from tests.factories import UserFactory
from tests.llm.rows import attempt

pytestmark = pytest.mark.django_db


def test_calls_blocks_and_prices_are_shown_without_what_was_said(
    client: Client, workspace: Workspace
) -> None:
    row = attempt(workspace, error="upstream was late")
    contents.keep(row.call, workspace.pk, {"messages": "secret question"}, "secret answer", 7)
    assert row.block is not None
    assert row.price is not None
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    base = "/ops/admin/llm/"
    paths = (
        "usage/",
        f"usage/?q={row.call}",
        f"usage/{row.pk}/change/",
        "creditblock/",
        f"creditblock/{row.block.pk}/change/",
        "priceversion/",
        f"priceversion/{row.price.pk}/change/",
    )

    pages = [client.get(f"{base}{path}") for path in paths]

    assert [page.status_code for page in pages] == [200] * len(paths)
    assert all("secret" not in page.content.decode() for page in pages)
    assert "upstream was late" in pages[2].content.decode()
    for path in ("usage/add/", f"usage/{row.pk}/delete/", f"creditblock/{row.block.pk}/delete/"):
        assert client.get(f"{base}{path}").status_code == 403
    client.post(f"{base}usage/{row.pk}/change/", {"points": 0})
    assert Usage.objects.across_workspaces().get().points == 33
