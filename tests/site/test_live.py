"""The example on the first page: one real task of the workspace that the operator names, for anybody, within limits."""

import re
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.models import Wallet
from apps.site import live
from apps.tasks.models import Task
from apps.tasks.services.execute import execute
from tests.factories import WorkspaceFactory, completed

pytestmark = pytest.mark.django_db


@pytest.fixture
def sponsor(workspace: Workspace, settings: Any) -> Workspace:
    settings.SHOWCASE_WORKSPACE = workspace.slug
    return workspace


def drawn(client: Client, prompt: str = "a fox", **headers: str) -> Any:
    return client.post("/live", {"prompt": prompt}, headers={"HX-Request": "true", **headers})


def address_of(page: str) -> str:
    found = re.search(r'hx-get="(/live/[^"]+)"', page)
    assert found is not None
    return found.group(1)


def test_visitor_has_a_picture_drawn(client: Client, sponsor: Workspace) -> None:
    landing = client.get("/").content.decode()
    assert 'id="live"' in landing
    assert "htmx" in landing.partition("</main>")[2]

    waiting = drawn(client, "a fox  by a lake").content.decode()
    task = Task.objects.of(sponsor.pk).get()
    execute(task_id=task.id)
    done = client.get(address_of(waiting)).content.decode()

    assert (task.model, task.input["prompt"], task.client_reference) == (
        "modelyard/illustration", "a fox by a lake", "landing",
    )  # fmt: skip
    assert Task.objects.of(sponsor.pk).get().output["image_url"] in done  # type: ignore[index]
    assert "hx-trigger" not in done.partition("live-result")[2]


def test_without_scripts_the_page_shows_it(client: Client, sponsor: Workspace) -> None:
    answer = client.post("/live", {"prompt": "a fox"})
    execute(task_id=Task.objects.of(sponsor.pk).get().id)

    page = client.get(answer.headers["Location"].partition("#")[0]).content.decode()

    assert answer.status_code == 302
    assert "<figure>" in page


@pytest.mark.parametrize("prompt", ["", "   ", "x" * 201])
def test_bad_words_are_refused_and_make_no_task(
    client: Client, sponsor: Workspace, prompt: str
) -> None:
    answer = drawn(client, prompt)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not Task.objects.of(sponsor.pk).exists()
    assert client.post("/live", {"prompt": prompt}).status_code == 422


def test_script_in_the_prompt_stays_text(client: Client, sponsor: Workspace) -> None:
    page = drawn(client, '"><script>alert(1)</script>').content.decode()

    assert "<script>alert" not in page


def test_one_address_and_everybody_have_limits(
    client: Client, sponsor: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [drawn(client).status_code for _ in range(live.MOST_OF_ONE + 1)]
    assert answers == [200] * live.MOST_OF_ONE + [422]

    monkeypatch.setattr(live, "MOST_OF_ALL", live.MOST_OF_ONE)
    other = client.post(
        "/live", {"prompt": "a cat"}, headers={"HX-Request": "true"}, REMOTE_ADDR="10.1.2.3"
    )
    assert other.status_code == 422
    assert Task.objects.of(sponsor.pk).count() == live.MOST_OF_ONE


def test_no_task_is_seen_without_its_token(client: Client, sponsor: Workspace) -> None:
    ours, others = completed(sponsor), completed(WorkspaceFactory.create())
    forged = signing.dumps(str(ours.id), salt="another")
    strange = signing.dumps(str(others.id), salt="site.live")

    for token in (str(ours.id), forged, strange, "x"):
        page = client.get(f"/live/{token}").content.decode()
        assert "<figure>" not in page


def test_empty_wallet_says_so_and_costs_nobody_anything(client: Client, sponsor: Workspace) -> None:
    Wallet.objects.of(sponsor.pk).update(available=0)

    assert drawn(client).status_code == 422
    assert not Task.objects.of(sponsor.pk).exists()


def test_without_a_workspace_there_is_no_example(client: Client, workspace: Workspace) -> None:
    assert 'id="live"' not in client.get("/").content.decode()
    assert drawn(client).status_code == 422


def test_closed_workspace_is_none(client: Client, sponsor: Workspace) -> None:
    Workspace.objects.filter(pk=sponsor.pk).update(is_enabled=False)

    assert 'id="live"' not in client.get("/").content.decode()
