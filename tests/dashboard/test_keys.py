from datetime import UTC, datetime

import pytest
from django.test import Client

from apps.accounts import selectors
from apps.accounts.models import ApiKey, Workspace
from apps.accounts.selectors import InvalidApiKey
from tests.dashboard.conftest import browser
from tests.factories import member, owner_of

FORM = {"name": "ci", "scopes": ["tasks", "files"]}


def test_key_is_shown_once_and_works(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(f"/w/{workspace.slug}/keys/new", FORM)

    secret = answer.context["secret"]
    identity = selectors.identify(key=secret)
    later = owner.get(f"/w/{workspace.slug}/keys").content.decode()
    assert (identity.workspace_id, identity.scopes) == (workspace.pk, {"tasks", "files"})
    assert answer.content.decode().count(secret) == 2  # the field and the curl beside it
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret not in later
    assert ApiKey.objects.of(workspace.pk).get().masked in later


def test_key_takes_its_limits_from_the_form(workspace: Workspace, owner: Client) -> None:
    limits = {
        "allowed_networks": "203.0.113.7\n2001:db8::/32",
        "cap_daily_usd": "2.50",
        "cap_monthly_usd": "0.0000001",
        "cap_total_usd": "0",
        "rate_limit_per_minute": "60",
        "tokens_per_minute": "90000",
        "allowed_models": "gpt-4o-mini\nlocal-chat, gpt-4o-mini",
        "expires_on": "2099-12-31",
    }

    owner.post(f"/w/{workspace.slug}/keys/new", FORM | limits)

    key = ApiKey.objects.of(workspace.pk).get()
    assert key.allowed_networks == ["203.0.113.7/32", "2001:db8::/32"]
    assert (key.cap_daily_points, key.cap_monthly_points, key.cap_total_points) == (
        25_000_000,
        1,
        0,
    )
    assert key.rate_limit_per_minute == 60
    assert key.tokens_per_minute == 90_000
    assert key.allowed_models == ["gpt-4o-mini", "local-chat"]
    page = owner.get(f"/w/{workspace.slug}/keys").content.decode()
    assert "90000 tokens a minute" in page
    assert "only gpt-4o-mini, local-chat" in page
    assert key.expires_at == datetime(2100, 1, 1, tzinfo=UTC)
    assert key.created_by == owner_of(workspace)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\0b"),
        ("name", "n" * 101),
        ("scopes", []),
        ("scopes", ["everything"]),
        ("tokens_per_minute", "0"),
        ("tokens_per_minute", "9999999999"),
        ("allowed_models", "no-such-model"),
        ("allowed_networks", "203.0.113.0/33"),
        ("allowed_networks", "\n".join(f"10.0.0.{n}" for n in range(51))),
        ("cap_daily_usd", "-1"),
        ("cap_daily_usd", "NaN"),
        ("cap_monthly_usd", "1e40"),
        ("cap_total_usd", "0.00000001"),
        ("rate_limit_per_minute", "0"),
        ("rate_limit_per_minute", "9" * 30),
        ("expires_on", "2020-01-01"),
        ("expires_on", "9999-12-31"),
        ("expires_on", "soon"),
    ],
)
def test_key_form_says_what_is_wrong_beside_the_field(
    field: str, value: object, workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(f"/w/{workspace.slug}/keys/new", {**FORM, field: value})

    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert not ApiKey.objects.of(workspace.pk).exists()


def test_revoke_asks_first_and_then_ends_the_key(workspace: Workspace, owner: Client) -> None:
    secret = owner.post(f"/w/{workspace.slug}/keys/new", FORM).context["secret"]
    key = ApiKey.objects.of(workspace.pk).get()
    path = f"/w/{workspace.slug}/keys/{key.pk}/revoke"

    asked = owner.get(path)
    still_works = selectors.identify(key=secret).key_id
    done = owner.post(path)
    selectors.forget_believed_keys()

    assert (asked.status_code, still_works) == (200, key.pk)
    assert (done.status_code, done.headers["Location"]) == (302, f"/w/{workspace.slug}/keys")
    with pytest.raises(InvalidApiKey):
        selectors.identify(key=secret)


def test_developer_sees_and_revokes_own_keys_only(workspace: Workspace, owner: Client) -> None:
    owner.post(f"/w/{workspace.slug}/keys/new", FORM)
    theirs = ApiKey.objects.of(workspace.pk).get()
    developer = browser(member(workspace, "developer"))
    developer.post(f"/w/{workspace.slug}/keys/new", FORM | {"name": "mine"})

    listed = developer.get(f"/w/{workspace.slug}/keys").context["keys"]
    refused = developer.post(f"/w/{workspace.slug}/keys/{theirs.pk}/revoke")

    assert ([key.name for key in listed], refused.status_code) == (["mine"], 404)


def test_key_list_asks_as_much_for_three_keys_as_for_one(
    workspace: Workspace, owner: Client, django_assert_num_queries: object
) -> None:
    owner.post(f"/w/{workspace.slug}/keys/new", FORM)
    path = f"/w/{workspace.slug}/keys"
    owner.get(path)
    with django_assert_num_queries(12, exact=False) as one:  # type: ignore[operator]
        owner.get(path)
    expected = len(one)
    owner.post(f"{path}/new", FORM)
    owner.post(f"{path}/new", FORM)
    with django_assert_num_queries(expected):  # type: ignore[operator]
        owner.get(path)


def test_key_with_a_number_beyond_the_database_does_not_exist(
    workspace: Workspace, owner: Client
) -> None:
    assert owner.get(f"/w/{workspace.slug}/keys/{10**30}/revoke").status_code == 404
