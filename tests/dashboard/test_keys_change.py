from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import selectors, services
from apps.accounts.models import ApiKey, AuditEvent, Workspace
from apps.accounts.selectors import InvalidApiKey
from apps.accounts.services import KeyTerms, create_key
from apps.billing.models import CapSpend
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, member, owner_of

FORM = {"name": "ci", "scopes": ["tasks"]}


def made(workspace: Workspace, **terms: Any) -> tuple[ApiKey, str]:
    return create_key(
        workspace_id=workspace.pk,
        terms=KeyTerms(**{"name": "ci", "scopes": ("tasks",), **terms}),
        actor=owner_of(workspace),
    )


def path(key: ApiKey, part: str = "") -> str:
    return f"/w/{key.workspace.slug}/keys/{key.pk}{part}"


def works(secret: str) -> bool:
    selectors.forget_believed_keys()
    try:
        return bool(selectors.identify(key=secret))
    except InvalidApiKey:
        return False


def test_edit_changes_limits_and_keeps_the_secret(workspace: Workspace, owner: Client) -> None:
    key, secret = made(workspace)
    limits = {
        "name": "build", "scopes": ["llm", "files"], "allowed_networks": "203.0.113.0/24",
        "cap_daily_usd": "2.5", "rate_limit_per_minute": "60", "expires_on": "2099-12-31",
        "tokens_per_minute": "1000", "allowed_models": "gpt-4o-mini",
    }  # fmt: skip

    answer = owner.post(path(key), limits)

    assert answer.status_code == 302
    identity = selectors.identify(key=secret)
    key.refresh_from_db()
    assert (key.name, identity.scopes) == ("build", {"llm", "files"})
    assert (identity.allows_ip("203.0.113.9"), identity.allows_ip("198.51.100.1")) == (True, False)
    assert (identity.cap_daily, identity.rate_limit_per_minute) == (25_000_000, 60)
    assert key.expires_at == datetime(2100, 1, 1, tzinfo=UTC)
    assert CapSpend.objects.of(workspace.pk).filter(subject_id=key.pk, scope="key").exists()
    actions = AuditEvent.objects.of(workspace.pk).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["key.created", "key.changed", "budget.changed"]


def test_edit_form_starts_with_what_is_set_and_saving_it_changes_nothing(
    workspace: Workspace, owner: Client
) -> None:
    key, _ = made(
        workspace,
        allowed_networks=("203.0.113.7",),
        cap_total_points=1,
        allowed_models=("gpt-4o-mini",),
        expires_at=datetime(2099, 5, 1, tzinfo=UTC),
    )
    form = owner.get(path(key)).context["form"]
    shown = {name: form[name].value() for name in form.fields}

    owner.post(path(key), {name: value for name, value in shown.items() if value is not None})

    actions = AuditEvent.objects.of(workspace.pk).values_list("action", flat=True)
    assert shown["cap_total_usd"] == "0.0000001"
    assert str(shown["expires_on"]) == "2099-04-30"
    assert list(actions) == ["key.created"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("scopes", []),
        ("allowed_networks", "nowhere"),
        ("cap_daily_usd", "-1"),
        ("expires_on", "2020-01-01"),
        ("allowed_models", "no-such-model"),
    ],
)
def test_edit_says_what_is_wrong_and_changes_nothing(
    field: str, value: Any, workspace: Workspace, owner: Client
) -> None:
    key, _ = made(workspace)

    answer = owner.post(path(key), {**FORM, "cap_total_usd": "1", field: value})

    key.refresh_from_db()
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert key.cap_total_points is None


def test_rotation_overlaps_and_both_secrets_are_one_key(
    workspace: Workspace, owner: Client
) -> None:
    key, old = made(workspace, cap_daily_points=7)

    answer = owner.post(path(key, "/rotate"), {"overlap": "24h", "seen": key.last_four})

    new = answer.context["secret"]
    first, second = (selectors.identify(key=secret) for secret in (old, new))
    key.refresh_from_db()
    assert (first, first.key_id, first.cap_daily) == (second, key.pk, 7)
    assert answer.headers["Cache-Control"] == "no-store"
    assert key.old_until is not None
    assert abs(key.old_until - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert f"…{old[-4:]} works until" in owner.get(f"/w/{workspace.slug}/keys").content.decode()


def test_old_secret_ends_by_itself(workspace: Workspace, owner: Client) -> None:
    key, old = made(workspace)
    owner.post(path(key, "/rotate"), {"overlap": "1h", "seen": key.last_four})
    selectors.identify(key=old)

    past = timezone.now() - timedelta(seconds=1)
    ApiKey.objects.of(workspace.pk).update(old_until=past)

    assert not works(old)


def test_rotation_without_overlap_ends_the_old_secret_at_once(
    workspace: Workspace, owner: Client
) -> None:
    key, old = made(workspace)

    answer = owner.post(path(key, "/rotate"), {"overlap": "0", "seen": key.last_four})

    assert (works(old), works(answer.context["secret"])) == (False, True)


def test_second_rotation_ends_the_secret_before_the_last(
    workspace: Workspace, owner: Client
) -> None:
    key, first = made(workspace)
    second = owner.post(path(key, "/rotate"), {"overlap": "7d", "seen": key.last_four}).context[
        "secret"
    ]
    third = owner.post(path(key, "/rotate"), {"overlap": "7d", "seen": second[-4:]}).context[
        "secret"
    ]

    assert [works(secret) for secret in (first, second, third)] == [False, True, True]


def test_second_click_on_rotate_rotates_nothing(workspace: Workspace, owner: Client) -> None:
    key, old = made(workspace)
    form = {"overlap": "24h", "seen": key.last_four}
    new = owner.post(path(key, "/rotate"), form).context["secret"]

    again = owner.post(path(key, "/rotate"), form)

    assert again.status_code == 422
    assert (works(old), works(new)) == (True, True)


def test_revoking_ends_both_secrets(workspace: Workspace, owner: Client) -> None:
    key, old = made(workspace)
    new = owner.post(path(key, "/rotate"), {"overlap": "7d", "seen": key.last_four}).context[
        "secret"
    ]

    owner.post(path(key, "/revoke"))

    assert (works(old), works(new)) == (False, False)


def test_old_secret_can_be_ended_early_and_twice(workspace: Workspace, owner: Client) -> None:
    key, old = made(workspace)
    new = owner.post(path(key, "/rotate"), {"overlap": "7d", "seen": key.last_four}).context[
        "secret"
    ]

    owner.post(path(key, "/old"))
    owner.post(path(key, "/old"))

    assert (works(old), works(new)) == (False, True)
    ended = AuditEvent.objects.of(workspace.pk).filter(action="key.old_secret_ended")
    assert ended.count() == 1


@pytest.mark.parametrize("overlap", ["", "forever", "25h"])
def test_rotate_takes_only_what_it_offers(
    overlap: str, workspace: Workspace, owner: Client
) -> None:
    key, old = made(workspace)

    answer = owner.post(path(key, "/rotate"), {"overlap": overlap, "seen": key.last_four})

    assert (answer.status_code, works(old)) == (422, True)


def test_revoked_key_can_be_neither_edited_nor_rotated(workspace: Workspace, owner: Client) -> None:
    key, secret = made(workspace)
    services.revoke_key(workspace_id=workspace.pk, key_id=key.pk, actor=None)

    edited = owner.post(path(key), FORM | {"name": "other"})
    rotated = owner.post(path(key, "/rotate"), {"overlap": "7d", "seen": key.last_four})

    key.refresh_from_db()
    assert (edited.status_code, rotated.status_code) == (422, 422)
    assert (key.name, works(secret)) == ("ci", False)


def test_audit_of_a_rotation_holds_no_secret(workspace: Workspace, owner: Client) -> None:
    key, old = made(workspace)
    new = owner.post(path(key, "/rotate"), {"overlap": "7d", "seen": key.last_four}).context[
        "secret"
    ]

    event = AuditEvent.objects.of(workspace.pk).get(action="key.rotated")

    assert old not in str(event.detail)
    assert new not in str(event.detail)
    assert event.detail["after"] == f"{new[:12]}…{new[-4:]}"


def test_page_waits_for_the_first_call_and_then_says_so(
    workspace: Workspace, owner: Client
) -> None:
    page = owner.post(f"/w/{workspace.slug}/keys/new", FORM).content.decode()
    key = ApiKey.objects.of(workspace.pk).get()

    waiting = owner.get(path(key, "/used"), headers={"HX-Request": "true"}).content.decode()
    services.note_key_use(key_id=key.pk, ip="203.0.113.7")
    used = owner.get(path(key, "/used"), headers={"HX-Request": "true"}).content.decode()

    for part in (page, waiting):
        assert "waiting for your first call" in part
        assert 'hx-trigger="every 2s"' in part
    assert "first call received" in used
    assert "hx-trigger" not in used
    assert "203.0.113.7" in used


def test_list_filters_by_state_and_member(workspace: Workspace, owner: Client) -> None:
    developer = member(workspace)
    made(workspace, name="live")
    gone, _ = made(workspace, name="gone")
    services.revoke_key(workspace_id=workspace.pk, key_id=gone.pk, actor=None)
    over, _ = made(workspace, name="over", expires_at=timezone.now() + timedelta(days=1))
    ApiKey.objects.of(workspace.pk).filter(pk=over.pk).update(
        created_at=timezone.now() - timedelta(days=9),
        expires_at=timezone.now() - timedelta(days=1),
    )
    create_key(workspace_id=workspace.pk, terms=KeyTerms(name="theirs"), actor=developer)

    def names(query: str) -> list[str]:
        found = owner.get(f"/w/{workspace.slug}/keys?{query}").context["keys"]
        return sorted(one.name for one in found)

    assert names("state=active") == ["live", "theirs"]
    assert names("state=revoked") == ["gone"]
    assert names("state=expired") == ["over"]
    assert names(f"member={developer.pk}") == ["theirs"]
    assert names(f"state=active&member={owner_of(workspace).pk}") == ["live"]
    assert len(names("state=odd&member=x&after=-1")) == 4


def test_developer_filtering_by_somebody_else_sees_own_keys_only(workspace: Workspace) -> None:
    made(workspace)
    developer = browser(member(workspace))

    answer = developer.get(f"/w/{workspace.slug}/keys?member={owner_of(workspace).pk}")

    assert answer.context["keys"] == []
    assert "No keys yet" in answer.content.decode()


def test_developer_edits_and_rotates_own_keys(workspace: Workspace) -> None:
    user = member(workspace)
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="mine"), actor=user)
    client = browser(user)

    assert client.post(path(key), FORM).status_code == 302
    assert client.post(path(key, "/rotate"), {"overlap": "0", "seen": key.last_four}).context[
        "secret"
    ]


def test_key_of_another_workspace_is_out_of_reach(workspace: Workspace, owner: Client) -> None:
    theirs, secret = made(WorkspaceFactory.create())
    base = f"/w/{workspace.slug}/keys/{theirs.pk}"

    answers = [
        owner.post(base, FORM),
        owner.post(f"{base}/rotate", {"overlap": "0", "seen": theirs.last_four}),
        owner.post(f"{base}/old"),
        owner.get(f"{base}/used"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert works(secret)


def test_list_of_keys_costs_few_queries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        made(workspace, cap_daily_points=5, cap_total_points=9)
    owner.get(f"/w/{workspace.slug}/keys")

    with django_assert_max_num_queries(12):
        page = owner.get(f"/w/{workspace.slug}/keys").content.decode()

    assert page.count("<progress") == 6
