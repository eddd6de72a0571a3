"""The chat playground's page: which models it offers at which price, to whom."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.catalog import pricing
from apps.catalog.models import PriceOverride
from apps.dashboard.views.llm.chat import price_words
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.byoa import account, own_account


def offered(answer: Any) -> dict[str, str]:
    """Price words by the id of the model."""
    return {one.id: one.price for _, models in answer.context["owners"] for one in models}


@pytest.mark.usefixtures("served")
def test_only_models_that_somebody_serves_are_offered_with_their_price(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.get(f"/w/{workspace.slug}/chat")

    found = offered(answer)
    assert found["local-chat"] == "$0.01 in, $0.02 out per 1M tokens"
    assert found["gpt-4o-mini"] == "$0.1125 in, $0.45 out per 1M tokens"
    assert not [name for name in found if name.startswith("claude") or name.endswith("*")]
    assert "local-embedding" not in found
    owners = [name for name, _ in answer.context["owners"]]
    assert owners == sorted(set(owners))


def test_nothing_is_configured_and_the_local_model_is_there(
    workspace: Workspace, owner: Client, settings: Any
) -> None:
    settings.LOCAL_MODELS_URL = "http://local-models"
    settings.SANDBOX_ENGINE = False

    assert list(offered(owner.get(f"/w/{workspace.slug}/chat"))) == ["local-chat"]


def test_a_stand_in_is_offered_where_nobody_has_an_account_and_says_so(
    workspace: Workspace, owner: Client, settings: Any
) -> None:
    settings.LOCAL_MODELS_URL = "http://local-models"
    settings.SANDBOX_ENGINE = True
    account(
        provider="anthropic",
        base_url="https://api.anthropic.example",
        daily_cap=1,
        day=timezone.now().date(),
        day_count=1,
    )

    answer = owner.get(f"/w/{workspace.slug}/chat")

    stand_ins = {
        one.id: one.is_stand_in for _, models in answer.context["owners"] for one in models
    }
    assert (stand_ins["gpt-4o-mini"], stand_ins["local-chat"]) == (True, False)
    # Theirs is used up for today: nobody takes another's answer for it.
    assert not [name for name in stand_ins if name.startswith("claude")]
    assert answer.context["chosen"] == "local-chat"
    assert "(stand-in)" in answer.content.decode()


def test_nobody_serves_anything_and_the_page_says_so(workspace: Workspace, owner: Client) -> None:
    page = owner.get(f"/w/{workspace.slug}/chat").content.decode()

    assert "No chat model can answer now." in page
    assert "chat-form" not in page


@pytest.mark.usefixtures("served")
def test_the_workspaces_own_price_is_shown(workspace: Workspace, owner: Client) -> None:
    PriceOverride.objects.create(
        workspace=workspace,
        model="local-chat",
        task_type="chat",
        rate="input",
        points_per_unit=Decimal("2.5"),
        valid_from=timezone.now() - timedelta(minutes=1),
    )
    pricing.forget_overrides()

    assert offered(owner.get(f"/w/{workspace.slug}/chat"))["local-chat"].startswith("$0.25 in")


@pytest.mark.usefixtures("served")
def test_what_the_plan_does_not_include_is_not_offered(client: Client) -> None:
    poor = WorkspaceFactory.create(plan="hobbyist")
    client.force_login(owner_of(poor))

    found = offered(client.get(f"/w/{poor.slug}/chat"))

    assert "gpt-4o-mini" in found
    assert "gpt-4o" not in found


@pytest.mark.usefixtures("served")
def test_private_families_are_offered_by_own_accounts_alone(
    workspace: Workspace, owner: Client
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(private_families=["llm"])
    assert offered(owner.get(f"/w/{workspace.slug}/chat")) == {}

    own_account(workspace, "llm", provider="anthropic", base_url="https://api.anthropic.example")

    found = offered(owner.get(f"/w/{workspace.slug}/chat"))
    assert found
    assert all(name.startswith("claude") for name in found)


@pytest.mark.usefixtures("served")
def test_the_address_chooses_the_models(workspace: Workspace, owner: Client) -> None:
    answer = owner.get(f"/w/{workspace.slug}/chat?model=gpt-4o-mini&with=local-chat")
    strange = owner.get(f"/w/{workspace.slug}/chat?model=nonsense&with=%00")

    assert (answer.context["chosen"], answer.context["other"]) == ("gpt-4o-mini", "local-chat")
    assert strange.context["chosen"] in offered(strange)
    assert strange.context["other"] == ""


@pytest.mark.usefixtures("served")
def test_a_viewer_looks_and_cannot_send(workspace: Workspace, viewer: Client) -> None:
    page = viewer.get(f"/w/{workspace.slug}/chat").content.decode()

    button = page.partition('id="chat-send"')[2].partition(">")[0]
    assert "disabled" in button
    assert "Your role can look, not run" in page


@pytest.mark.usefixtures("served")
def test_the_page_takes_few_queries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    owner.get(f"/w/{workspace.slug}/chat")

    with django_assert_max_num_queries(12):
        owner.get(f"/w/{workspace.slug}/chat")


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({"input": "0.1125", "output": "3"}, "$0.1125 in, $3.00 out per 1M tokens"),
        ({"input": "1E+1", "output": "100"}, "$10.00 in, $100.00 out per 1M tokens"),
        ({"request": "0.01"}, "$0.01 a request"),
        ({}, ""),
    ],
)
def test_prices_in_words(rates: dict[str, str], words: str) -> None:
    assert price_words(rates) == words
