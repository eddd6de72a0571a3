"""What pages cost: how many queries, however much there is, and how many bytes."""

import gzip
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from tests.dashboard.test_access import WORKSPACE_PAGES, _paths

pytestmark = pytest.mark.django_db

MOST_QUERIES = 12
# Of HTML, compressed: what styles and scripts weigh is kept by the browser.
MOST_BYTES = 40_000
READ = [name for name, (how, found) in WORKSPACE_PAGES.items() if how == "get" and found[0] == 200]


@pytest.mark.parametrize("name", READ)
def test_page_is_light(
    name: str, workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
):
    path = _paths(workspace)[name]
    # The first look may fill what a process keeps.
    owner.get(path)

    with django_assert_max_num_queries(MOST_QUERIES):
        answer = owner.get(path)
        body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[arg-type]

    assert len(gzip.compress(body)) < MOST_BYTES
