"""What /account/info says of seats and pools; the rest of it is in test_quote_models_account."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from tests.api.conftest import Caller, caller_of
from tests.factories import WorkspaceFactory
from tests.factories.byoa import seats
from tests.tasks import rows

pytestmark = pytest.mark.django_db
NONE = {
    "is_using_private_chat_gpt_pool": False,
    "is_using_private_kling_pool": False,
    "is_using_private_luma_pool": False,
    "is_using_private_suno_pool": False,
    "is_using_private_udio_pool": False,
    "mj_failover_enabled": False,
    "kling_failover_enabled": False,
    "luma_failover_enabled": False,
    "suno_failover_enabled": False,
    "private_pool_size": 0,
    "private_chat_gpt_pool_size": 0,
    "private_hailuo_pool_size": 0,
    "private_kling_pool_size": 0,
    "private_luma_pool_size": 0,
    "private_suno_pool_size": 0,
    "private_udio_pool_size": 0,
    "skip_suno_flagged_account": False,
    "notification_hook_url": "",
    "account_mj_bot_group_relations": [],
    "account_mj_worker_node_group_relations": [],
    "auto_challenge_mj_verification": False,
}


def read(caller: Caller) -> dict[str, Any]:
    data = caller.get("/account/info").json()["data"]
    return {name: data[name] for name in NONE}


def test_info_of_a_workspace_without_seats(api: Caller):
    assert read(api) == NONE


def test_info_tells_the_seats_of_each_family(api: Caller, workspace: Workspace):
    sizes = {
        "midjourney": ("private_pool_size", 3),
        "gpts": ("private_chat_gpt_pool_size", 2),
        "hailuo": ("private_hailuo_pool_size", 1),
        "kling": ("private_kling_pool_size", 4),
        "luma": ("private_luma_pool_size", 5),
        "suno": ("private_suno_pool_size", 6),
        "udio": ("private_udio_pool_size", 7),
    }
    for family, (_, quantity) in sizes.items():
        seats(workspace, family, quantity)
    seats(WorkspaceFactory.create(), "midjourney", 9)

    assert read(api) == {**NONE, **dict(sizes.values())}


def test_info_tells_which_families_use_and_leave_them(workspace: Workspace):
    rows.plan(
        workspace,
        private_families=["gpts", "suno", "midjourney"],
        failover_families=["midjourney", "kling"],
        skips_flagged_suno=True,
        notification_hook_url="https://shop.example/events",
    )

    assert read(caller_of(workspace)) == {
        **NONE,
        "is_using_private_chat_gpt_pool": True,
        "is_using_private_suno_pool": True,
        "mj_failover_enabled": True,
        "kling_failover_enabled": True,
        "skip_suno_flagged_account": True,
        "notification_hook_url": "https://shop.example/events",
    }
