"""Line 23 of the compatibility checklist: each account event has its detail keys, and a Hobbyist gets none."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from apps.byoa.services import health
from apps.notifications.models import Delivery
from apps.notifications.services import hooks
from apps.providers.base import AccountNeedsOwner, BadCredentials, Need, ProviderUnavailable
from apps.tasks.models import PenaltyDay
from tests.bridge.running import RunningBridge
from tests.contract.conftest import Client
from tests.factories import owner_of
from tests.factories.byoa import own_account
from tests.factories.own import bridge_account, private, set_account
from tests.tasks.midjourney.conftest import QUICK

pytestmark = pytest.mark.django_db
Clients = Callable[..., Client]
Work = Callable[..., None]
HOOK = "https://hooks.example.com/account"
DETAILS = {
    "credits_exhausted": {"quota_type", "credis_remain", "credits_remain"},
    "mj_penalty_triggered": {"penalty_type", "task_id", "threshold", "cap_usage"},
    "mj_bot_banned": {"bot_id", "bot_name", "reason", "block_until"},
    "mj_bot_subscription_expired": {"bot_id", "bot_name"},
    "mj_bot_captcha_required": {"bot_id", "bot_name"},
    "no_active_mj_bot": set(),
    "mj_bot_no_fasthour": {"bot_id", "bot_name", "subscription_plan"},
    "gpt_account_unavailable": {"gpt_account_id", "gpt_account_name", "reason"},
    "gpt_usage_limit_reached": {"gpt_account_id", "gpt_account_name", "limit_until"},
}


def sent(client: Client) -> dict[str, dict[str, Any]]:
    """The detail of each event that was written for the workspace's address; the last of each kind."""
    rows = Delivery.objects.of(client.workspace.pk).order_by("id")
    bodies = [orjson.loads(row.body) for row in rows]
    for body in bodies:
        assert list(body) == ["type", "time", "message", "detail"]
        assert abs(body["time"] - datetime.now(UTC).timestamp()) < 600
    return {body["type"]: body["detail"] for body in bodies}


def everything_happens(client: Client, bridge: RunningBridge, work: Work) -> None:
    """Penalties by refused prompts, an empty wallet, and each fate that an account can have."""
    workspace = client.workspace
    PenaltyDay.objects.create(workspace=workspace, day=datetime.now(UTC).date(), incorrect=60)
    client.create(values={"prompt": "a cat --nothing 3"})
    client.create(values={"prompt": "a cat", "process_mode": "turbo"})
    private(workspace)
    for word in ("banned", "subscription", "captcha"):
        account = bridge_account(workspace, word, base_url=bridge.url, config=QUICK)
        bridge.knobs(refuse=word, banned_until=4_000_000_000)
        client.made()
        work(1)
        account.refresh_from_db()
        assert account.status != "active"
    bridge.knobs(refuse="", banned_until=0, fast_hours=0.0, plan="pro")
    bridge_account(workspace, "spent", base_url=bridge.url, config=QUICK, plan="pro")
    client.made(values={"prompt": "a cat", "process_mode": "fast"})
    work(1)
    limited, broken = (own_account(workspace, label=label) for label in ("limited", "broken"))
    for account in (limited, broken):
        # Seats of this family are sold before the catalog has a model of it.
        set_account(account, families=["gpts"], mode="")
    health.failed(
        account_id=limited.pk, error=ProviderUnavailable("Later.", retry_after_seconds=300)
    )
    health.failed(account_id=broken.pk, error=BadCredentials("No."))


@pytest.mark.usefixtures("public_pool")
def test_line_23_each_event_has_its_detail_keys(
    client_of: Clients, bridge: RunningBridge, work: Work
):
    client = client_of("developer", points=100)
    hooks.set_hook(workspace_id=client.workspace.pk, url=HOOK, actor=owner_of(client.workspace))

    everything_happens(client, bridge, work)

    found = sent(client)
    assert {name: set(found.get(name, {"nothing": 0})) for name in DETAILS} == DETAILS
    assert found["mj_penalty_triggered"] == {
        "penalty_type": "error", "task_id": "", "threshold": 60, "cap_usage": 61,
    }  # fmt: skip
    assert found["mj_bot_no_fasthour"]["subscription_plan"] == "pro"
    assert found["mj_bot_banned"]["bot_name"] == "banned"
    assert found["gpt_usage_limit_reached"]["limit_until"] > datetime.now(UTC).timestamp()
    assert "Discord" not in str(found)


@pytest.mark.usefixtures("public_pool")
def test_line_23_a_hobbyist_gets_none(client_of: Clients, bridge: RunningBridge, work: Work):
    client = client_of("hobbyist", points=100)
    client.workspace.notification_hook_url = HOOK
    client.workspace.save(update_fields=["notification_hook_url"])

    everything_happens(client, bridge, work)

    assert sent(client) == {}


@pytest.mark.parametrize("need", [Need.BANNED, Need.CAPTCHA, Need.SUBSCRIPTION])
def test_line_23_a_neighbour_hears_nothing(client_of: Clients, need: Need):
    client, neighbour = client_of("developer"), client_of("developer")
    for one in (client, neighbour):
        hooks.set_hook(workspace_id=one.workspace.pk, url=HOOK, actor=owner_of(one.workspace))
    account = bridge_account(private(client.workspace))
    bridge_account(private(neighbour.workspace))

    health.failed(account_id=account.pk, error=AccountNeedsOwner("No.", need=need))

    assert len(sent(client)) == 2
    assert sent(neighbour) == {}
