"""What owners of accounts are told: each event with exactly the contract's keys."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.byoa.services import checks, health
from apps.notifications.models import Notice
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    ProviderUnavailable,
)
from tests.byoa.test_health import again
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account, own_account
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db

UNTIL = 4_000_000_000


def told(workspace: Workspace) -> list[tuple[str, dict[str, Any]]]:
    rows = Notice.objects.of(workspace.pk).order_by("id")
    return list(rows.values_list("type", "detail"))


def needs(need: Need, **fields: Any) -> AccountNeedsOwner:
    return AccountNeedsOwner("It said so.", need=need, **fields)


@pytest.mark.parametrize(
    ("error", "kind", "more"),
    [
        (needs(Need.CAPTCHA), "mj_bot_captcha_required", {}),
        (needs(Need.SUBSCRIPTION), "mj_bot_subscription_expired", {}),
        (
            needs(Need.BANNED, until=float(UNTIL)),
            "mj_bot_banned",
            {"reason": "It said so.", "block_until": UNTIL},
        ),
        (needs(Need.BANNED), "mj_bot_banned", {"reason": "It said so.", "block_until": 0}),
        (needs(Need.FAST_HOURS), "mj_bot_no_fasthour", {"subscription_plan": "pro"}),
    ],
)
def test_event_of_a_midjourney_account_has_the_contracts_keys(
    workspace: Workspace, error: ProviderError, kind: str, more: dict[str, Any]
):
    neighbour = WorkspaceFactory.create()
    own_account(neighbour)
    own_account(workspace, label="Other")
    made = own_account(workspace, label="Ours", plan="pro")

    health.failed(account_id=made.pk, error=error)

    assert told(workspace) == [(kind, {"bot_id": made.pk, "bot_name": "Ours", **more})]
    assert told(neighbour) == []
    notice = Notice.objects.of(workspace.pk).get()
    assert notice.url == f"/w/{workspace.slug}/accounts/midjourney/{made.pk}"


@pytest.mark.parametrize("error", [BadCredentials("No."), needs(Need.BALANCE), needs(Need.SETUP)])
def test_other_trouble_of_a_midjourney_account_is_told_in_our_words(
    workspace: Workspace, error: ProviderError
):
    own_account(workspace, label="Other")
    made = own_account(workspace, label="Ours")

    health.failed(account_id=made.pk, error=error)

    found = again(made)
    assert found.resume_at is not None
    assert told(workspace) == [
        (
            "account_unavailable",
            {
                "account_id": made.pk,
                "account_name": "Ours",
                "family": "midjourney",
                "status": found.status,
                "reason": str(error),
                "until": int(found.resume_at.timestamp()),
            },
        )
    ]


def test_last_midjourney_account_that_goes_is_told_besides(workspace: Workspace):
    made, other = own_account(workspace), own_account(workspace, "kling")

    health.failed(account_id=other.pk, error=needs(Need.CAPTCHA))
    health.failed(account_id=made.pk, error=needs(Need.CAPTCHA))

    assert [kind for kind, _ in told(workspace)] == [
        "account_unavailable",
        "mj_bot_captcha_required",
        "no_active_mj_bot",
    ]
    assert told(workspace)[-1] == ("no_active_mj_bot", {})


def gpts(workspace: Workspace) -> Account:
    """The catalog need not have the family for accounts of it to be told of."""
    made = own_account(workspace, "kling", label="Ours")
    Account.objects.of(workspace.pk).update(families=["gpts"])
    return made


def test_events_of_a_gpts_account_have_the_contracts_keys(workspace: Workspace):
    made = gpts(workspace)

    health.failed(account_id=made.pk, error=ProviderUnavailable("Limit.", retry_after_seconds=300))
    limit_until = again(made).resume_at
    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))

    assert limit_until is not None
    named = {"gpt_account_id": made.pk, "gpt_account_name": "Ours"}
    assert told(workspace) == [
        ("gpt_usage_limit_reached", {**named, "limit_until": int(limit_until.timestamp())}),
        ("gpt_account_unavailable", {**named, "reason": "Unknown key."}),
    ]


def test_account_that_works_again_is_told(workspace: Workspace, upstream: Upstream, settings: Any):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    made = own_account(workspace, "kling", base_url=upstream.url, label="Ours")
    health.failed(account_id=made.pk, error=needs(Need.BALANCE))

    checks.check_now(account_id=made.pk)
    checks.check_now(account_id=made.pk)

    assert [kind for kind, _ in told(workspace)] == ["account_unavailable", "account_recovered"]
    assert told(workspace)[-1][1] == {
        "account_id": made.pk,
        "account_name": "Ours",
        "family": "kling",
    }


def test_rest_of_a_few_seconds_is_no_news(workspace: Workspace):
    made = own_account(workspace)

    for _ in range(3):
        health.failed(account_id=made.pk, error=ProviderUnavailable("Busy."))

    assert (again(made).status, told(workspace)) == ("cooling", [])


@pytest.mark.parametrize("need", list(Need))
def test_operators_accounts_tell_nobody(workspace: Workspace, need: Need):
    made = account(families=("midjourney",), mode="fast")

    health.failed(account_id=made.pk, error=needs(need))

    assert Notice.objects.across_workspaces().count() == 0
    assert told(workspace) == []
