"""What a task would cost, what there is to ask for, and whose account this is."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from apps.accounts.models import ApiKey, Workspace
from apps.billing.models import Wallet
from apps.catalog import pricing
from apps.catalog.models import PriceOverride
from apps.catalog.registry import all_specs
from apps.tasks.models import Task
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION, WorkspaceFactory, completed, owner_of, task

pytestmark = pytest.mark.django_db
QUOTE, MODELS, INFO = "/api/v1/task/quote", "/api/v1/models", "/account/info"


def test_quote_says_the_price_and_the_sum_behind_it(api: Caller, workspace: Workspace):
    response = api.post(QUOTE, ILLUSTRATION)

    assert response.json() == {
        "code": 200,
        "data": {
            "model": "modelyard/illustration",
            "task_type": "text-to-image",
            "points": 10_000,
            "usd": "0.001",
            "credits": "0.70",
            "lines": [
                {"rate": "task", "unit": "image", "quantity": "1", "points_per_unit": "10000"}
            ],
            "available": True,
            "balance": {"available_points": 10_000_000, "sufficient": True},
            "process_mode": "",
        },
        "message": "success",
    }
    assert not Task.objects.of(workspace.pk).exists()
    assert Wallet.objects.of(workspace.pk).get().held == 0


def test_quote_is_what_create_holds(api: Caller):
    body = {
        "model": "modelyard/music",
        "task_type": "text-to-music",
        "input": {"prompt": "calm piano", "duration": 47},
    }

    quoted = api.post(QUOTE, body).json()["data"]["points"]
    held = api.post("/api/v1/task", body).json()["data"]["meta"]["usage"]["frozen"]

    assert (quoted, held) == (23_500, 23_500)


def test_quote_can_be_had_without_credits_and_for_what_is_unavailable():
    poor = caller_of(WorkspaceFactory.create(points=0))
    kling = {"model": "kling", "task_type": "video_generation", "input": {"prompt": "a boat"}}

    data = poor.post(QUOTE, kling).json()["data"]

    assert (data["available"], data["balance"]) == (
        False,
        {"available_points": 0, "sufficient": False},
    )
    assert data["points"] > 0


def test_quote_of_midjourney_says_its_mode(api: Caller):
    body = {"model": "midjourney", "task_type": "imagine", "input": {"prompt": "a cat --fast"}}

    assert api.post(QUOTE, body).json()["data"]["process_mode"] == "fast"


def test_quote_refuses_what_create_would_refuse(api: Caller):
    assert api.post(QUOTE, {**ILLUSTRATION, "input": {}}).status_code == 400
    assert api.post(QUOTE, {"model": "x"}).json()["message"] == "invalid model"


# ---------------------------------------------------------------------- models
def model_entry(response: Any, model: str) -> dict[str, Any]:
    found: dict[str, Any] = next(m for m in response.json()["data"] if m["model"] == model)
    return found


def test_models_lists_every_spec_once_with_all_keys():
    listed = Caller().get(MODELS).json()["data"]

    assert [(m["model"], m["task_type"]) for m in listed] == list(all_specs())
    keys = {
        "model", "task_type", "family", "title", "summary", "output", "input_schema", "example",
        "price", "modes", "plan", "available",
    }  # fmt: skip
    assert {frozenset(m) for m in listed} == {frozenset(keys)}
    assert all(m["input_schema"]["type"] == "object" for m in listed)
    assert {m["available"] for m in listed} == {True, False}


def test_models_shows_prices_in_dollars_and_points():
    price = model_entry(Caller().get(MODELS), "modelyard/illustration")["price"]

    rates = [{"rate": "task", "unit": "image", "usd": "0.001", "points_per_unit": "10000"}]
    assert price == {"currency": "USD", "rates": rates}


def test_models_shows_a_key_its_own_workspaces_price(api: Caller, workspace: Workspace):
    PriceOverride.objects.create(
        model="modelyard/illustration",
        task_type="text-to-image",
        points_per_unit=Decimal("12.5"),
        workspace=workspace,
        valid_from=timezone.now() - timedelta(days=1),
    )
    pricing.forget_overrides()

    shown = [
        model_entry(caller.get(MODELS), "modelyard/illustration")["price"]["rates"][0]
        for caller in (api, Caller(), caller_of(WorkspaceFactory.create()))
    ]

    assert [(rate["usd"], rate["points_per_unit"]) for rate in shown] == [
        ("0.00000125", "12.5"),
        ("0.001", "10000"),
        ("0.001", "10000"),
    ]


# --------------------------------------------------------------------- account
FIELDS = {
    "account_group", "account_mj_bot_group_relations", "account_mj_worker_node_group_relations",
    "account_tags", "api_key", "auto_challenge_mj_verification", "created_at", "credit_pack_info",
    "equivalent_in_usd", "id", "is_enable", "is_verified", "is_using_private_chat_gpt_pool",
    "is_using_private_kling_pool", "is_using_private_luma_pool", "is_using_private_suno_pool",
    "is_using_private_udio_pool", "mj_failover_enabled", "kling_failover_enabled",
    "luma_failover_enabled", "suno_failover_enabled", "max_concurrent_task_count",
    "max_flux_concurrency", "max_hailuo_concurrency", "max_image_toolkit_concurrency",
    "max_internal_proxy_concurrency", "max_kling_concurrency", "max_luma_concurrency",
    "max_suno_concurrency", "max_trellis_concurrency", "max_udio_concurrency", "name",
    "notification_hook_url", "plan", "platform", "private_pool_size", "private_chat_gpt_pool_size",
    "private_hailuo_pool_size", "private_kling_pool_size", "private_luma_pool_size",
    "private_suno_pool_size", "private_udio_pool_size", "skip_suno_flagged_account", "type",
    "updated_at", "wallet",
}  # fmt: skip


def test_account_info_has_exactly_the_contracts_fields(api: Caller):
    assert set(api.get(INFO).json()["data"]) == FIELDS


def test_account_info_adds_up(api: Caller, workspace: Workspace):
    completed(workspace)
    task(workspace)

    data = api.get(INFO).json()["data"]

    assert data["wallet"] == {"balance": 9_980_000, "frozen": 10_000, "currency": "point"}
    assert data["equivalent_in_usd"] == 0.998
    assert data["credit_pack_info"] == {
        "available_credits": 698.6,
        "used_credits": 0.7,
        "total_credits": 700,
        "frozen_credits": 0.7,
        "expired_credits": 0,
        "inactive_credits": 0,
    }


def test_account_info_tells_who_and_what_plan(api: Caller, workspace: Workspace):
    key = ApiKey.objects.of(workspace.pk).get()

    data = api.get(INFO).json()["data"]

    assert data["api_key"] == key.masked
    assert api.key not in api.get(INFO).content.decode()
    assert (data["id"], data["name"], data["plan"]) == (workspace.pk, workspace.name, "developer")
    assert (data["max_concurrent_task_count"], data["max_kling_concurrency"]) == (10, 10)
    assert data["is_enable"] is True


def test_account_info_tells_the_limit_that_counts(api: Caller, workspace: Workspace):
    workspace.concurrency_override = 25
    workspace.save(update_fields=["concurrency_override"])

    data = api.get(INFO).json()["data"]

    assert {name: data[name] for name in data if name.startswith("max_")} == {
        "max_concurrent_task_count": 25
    } | {name: 25 for name in FIELDS if name.startswith("max_") and name.endswith("_concurrency")}


def test_active_tasks_are_counted_and_named_by_family(api: Caller, workspace: Workspace):
    completed(workspace)
    made = [task(workspace) for _ in range(4)]
    states = (
        ("local", "staged"),
        ("local", "pending"),
        ("local", "processing"),
        ("kling", "pending"),
    )
    for one, (family, status) in zip(made, states, strict=True):
        Task.objects.of(workspace.pk).filter(id=one.id).update(family=family, status=status)
    task(WorkspaceFactory.create())

    assert api.get("/account/active_tasks").json()["data"] == {
        "local": {
            "staged_count": 1,
            "pending_count": 1,
            "processing_count": 1,
            "active_tasks": [str(one.id) for one in made[:3]],
        },
        "kling": {
            "staged_count": 0,
            "pending_count": 1,
            "processing_count": 0,
            "active_tasks": [str(made[3].id)],
        },
    }


def test_no_active_tasks_are_an_empty_object(api: Caller):
    assert api.get("/account/active_tasks/").json()["data"] == {}


@pytest.mark.parametrize("verified", [True, False])
def test_account_is_verified_once_its_owner_is(api: Caller, workspace: Workspace, verified: bool):
    owner = owner_of(workspace)
    EmailAddress.objects.create(user=owner, email=owner.email, verified=verified, primary=True)

    assert api.get(INFO).json()["data"]["is_verified"] is verified
