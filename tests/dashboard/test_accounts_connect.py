"""The wizard: which kinds there are, what is tried before anything is stored, and what a refusal keeps."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import AuditEvent, Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from tests.bridge.running import RunningBridge
from tests.dashboard.accounts import CANARY, form, of, shown, url, words
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.byoa import own_account, seats

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def path(workspace: Workspace) -> str:
    return url(workspace, "accounts_connect", "midjourney")


def accounts(workspace: Workspace) -> list[Account]:
    return list(Account.objects.of(workspace.pk))


def test_choice_names_the_kinds_that_serve_the_family(workspace: Workspace, owner: Client):
    seats(workspace)

    text = shown(owner, path(workspace))

    assert "Midjourney bridge Your own server with the midjourney-proxy interface" in text
    assert "Another server with this API" in text
    assert "Anthropic" not in text


def test_family_that_one_kind_serves_needs_no_choice(workspace: Workspace, owner: Client):
    seats(workspace, "kling")

    text = shown(owner, url(workspace, "accounts_connect", "kling"))

    assert "Connect: Another server with this API" in text
    assert "Choose another kind" not in text
    assert "uses no fast hours" not in text


def test_without_a_free_seat_one_is_offered(workspace: Workspace, owner: Client):
    seats(workspace)
    own_account(workspace)

    text = shown(owner, f"{path(workspace)}?provider=midjourney_bridge")
    answer = owner.post(path(workspace), form())

    assert "No seat is free" in text
    assert "No seat is free" in words(answer.content)
    assert len(accounts(workspace)) == 1


def test_form_says_what_is_done_and_asks_for_a_secret_as_one(workspace: Workspace, owner: Client):
    seats(workspace)

    page = owner.get(f"{path(workspace)}?provider=midjourney_bridge")

    html = page.content.decode()
    found = re.search(r'<input[^>]*name="credential"[^>]*>', html)
    assert found is not None
    assert 'type="password"' in found.group()
    assert 'autocomplete="off"' in found.group()
    assert "Never a Discord or Midjourney token, cookie or password." in html
    assert "never shown again" in html
    assert page["Cache-Control"] == "no-store"


def test_account_is_tested_and_connected(
    workspace: Workspace, owner: Client, bridge: RunningBridge
):
    seats(workspace)
    given = form(
        bridge,
        weight="high",
        daily_cap="200",
        active_from="08:00",
        active_to="02:00",
        time_zone="Europe/Berlin",
        tags=" eu, spare,eu ",
        is_backup="on",
        config='{"mode_paths": true}',
    )

    answer = owner.post(path(workspace), given)

    made = accounts(workspace)[0]
    assert (answer.status_code, answer["Location"]) == (302, of(made))
    assert (made.label, made.provider, made.families) == (
        "Ours",
        "midjourney_bridge",
        ["midjourney"],
    )
    assert (made.weight, made.slots, made.daily_cap, made.mode) == ("high", 3, 200, "fast")
    assert (f"{made.active_from:%H:%M}", f"{made.active_to:%H:%M}") == ("08:00", "02:00")
    assert (made.time_zone, made.tags, made.is_backup) == ("Europe/Berlin", ["eu", "spare"], True)
    assert made.config == {"mode_paths": True}
    assert (made.plan, made.created_by) == ("standard", owner_of(workspace))
    assert selectors.access(made).credential == CANARY
    assert AuditEvent.objects.of(workspace.pk).get(action="account.connected").ip == "127.0.0.1"
    page = owner.get(of(made))
    assert b"Ours is connected" in page.content
    assert CANARY not in page.content.decode()


def test_refused_credential_keeps_the_form_and_not_the_credential(
    workspace: Workspace, owner: Client, bridge: RunningBridge
):
    seats(workspace)

    answer = owner.post(path(workspace), form(bridge, credential="bad", label="Berlin one"))

    html = answer.content.decode()
    text = words(answer.content)
    assert (answer.status_code, accounts(workspace)) == (422, [])
    assert "The test failed. Nothing was stored." in text
    assert "fine Provider can be reached. It answers." in text
    assert "wrong Credential accepted. The provider says:" in text
    assert "Replace the credential." in text
    assert "not known No captcha." in text
    assert 'value="Berlin one"' in html
    assert html.count("checked") >= 4
    assert 'value="bad"' not in html


def test_captcha_is_the_red_line(workspace: Workspace, owner: Client, bridge: RunningBridge):
    seats(workspace)
    bridge.knobs(captcha=True)

    text = words(owner.post(path(workspace), form(bridge)).content)

    assert "fine Credential accepted." in text
    assert "wrong No captcha." in text
    assert "Solve it in your own account there" in text
    assert accounts(workspace) == []


def test_server_that_does_not_answer_is_the_red_line(workspace: Workspace, owner: Client):
    seats(workspace)

    text = words(owner.post(path(workspace), form(base_url="http://127.0.0.1:9")).content)

    assert "wrong Provider can be reached. The provider says:" in text
    assert accounts(workspace) == []


@pytest.mark.parametrize(
    ("changed", "name", "sentence"),
    [
        ({"is_valid_there": None}, "is_valid_there", "Needed before it can be connected."),
        ({"stays_signed_in": None}, "stays_signed_in", "Needed before it can be connected."),
        ({"label": ""}, "label", "required"),
        ({"credential": ""}, "credential", "required"),
        ({"credential": "кey"}, "credential", "printable ASCII"),
        ({"base_url": "https://user:pw@up.example.com"}, "base_url", "user name"),
        ({"base_url": "http://10.0.0.1"}, "base_url", "private address"),
        ({"active_from": "08:00"}, "active_to", "a beginning and an end"),
        ({"time_zone": "Berlin"}, "time_zone", "such as Europe/Berlin"),
        ({"tags": "a" * 31}, "tags", "1 to 30"),
        ({"config": "[]"}, "config", "JSON object"),
        ({"config": "{"}, "config", "JSON"),
        ({"slots": "0"}, "slots", "greater than or equal to 1"),
        ({"weight": "heavy"}, "weight", "valid choice"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(
    workspace: Workspace, owner: Client, changed: dict[str, Any], name: str, sentence: str
):
    seats(workspace)

    answer = owner.post(path(workspace), form(**changed))

    errors = answer.context["form"].errors
    assert answer.status_code == 422
    assert list(errors) == [name]
    assert sentence in errors[name][0]
    assert accounts(workspace) == []
    assert CANARY not in answer.content.decode()


def test_account_on_a_neighbours_seat_is_refused_without_saying_whose(
    workspace: Workspace, owner: Client, bridge: RunningBridge
):
    other = WorkspaceFactory.create(name="Neighbour")
    own_account(other, provider="midjourney_bridge", base_url=bridge.url, credential=CANARY)
    seats(workspace)

    answer = owner.post(path(workspace), form(bridge))

    assert answer.status_code == 422
    assert "is connected on another seat already" in words(answer.content)
    assert "Neighbour" not in answer.content.decode()
    assert accounts(workspace) == []


def test_connecting_twice_takes_one_seat(
    workspace: Workspace, owner: Client, bridge: RunningBridge
):
    seats(workspace, quantity=2)

    owner.post(path(workspace), form(bridge))
    again = owner.post(path(workspace), form(bridge))

    assert again.status_code == 422
    assert len(accounts(workspace)) == 1


def test_connecting_needs_a_token(workspace: Workspace):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner_of(workspace))
    seats(workspace)

    assert client.post(path(workspace), form()).status_code == 403
    assert accounts(workspace) == []


def test_neighbour_connects_nothing_here(workspace: Workspace, stranger: Client):
    seats(workspace)

    assert stranger.post(path(workspace), form()).status_code == 404
    assert accounts(workspace) == []
