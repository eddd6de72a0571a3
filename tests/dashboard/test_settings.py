from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from apps.accounts import selectors
from apps.accounts.models import AuditEvent, Membership, Workspace
from apps.accounts.services import audit
from tests.dashboard.conftest import browser
from tests.factories import UserFactory, WorkspaceFactory, api_key, member, owner_of


def rename(client: Client, workspace: Workspace, **form: str) -> Any:
    values = {"name": workspace.name, "slug": workspace.slug, **form}
    return client.post(f"/w/{workspace.slug}/settings/name", values)


def test_rename_moves_the_pages_and_leaves_keys_alone(workspace: Workspace, owner: Client) -> None:
    old, secret = workspace.slug, api_key(workspace)

    answer = rename(owner, workspace, name="Acme", slug="acme-lab")

    selectors.forget_believed_keys()
    assert answer.headers["Location"] == "/w/acme-lab/settings"
    assert (owner.get(f"/w/{old}/").status_code, owner.get("/w/acme-lab/").status_code) == (
        404,
        200,
    )
    assert selectors.identify(key=secret).workspace_slug == "acme-lab"
    event = AuditEvent.objects.of(workspace.pk).get(action="workspace.renamed")
    assert (event.detail["before"]["slug"], event.detail["after"]["slug"]) == (old, "acme-lab")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\0b"),
        ("name", "n" * 101),
        ("slug", ""),
        ("slug", "new"),
        ("slug", "api"),
        ("slug", "-a"),
        ("slug", "a b"),
        ("slug", "a/b"),
        ("slug", "ä"),
        ("slug", "s" * 51),
    ],
)
def test_rename_refuses_what_cannot_be(
    field: str, value: str, workspace: Workspace, owner: Client
) -> None:
    answer = rename(owner, workspace, **{field: value})

    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert Workspace.objects.get(pk=workspace.pk).slug == workspace.slug


def test_rename_takes_no_address_of_somebody_else(workspace: Workspace, owner: Client) -> None:
    other = WorkspaceFactory.create()

    answer = rename(owner, workspace, slug=other.slug)

    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["slug"])


def test_rename_to_the_same_leaves_no_line(workspace: Workspace, owner: Client) -> None:
    rename(owner, workspace)

    assert not AuditEvent.objects.of(workspace.pk).exists()


def test_another_workspace_is_opened_once_by_two_clicks(
    workspace: Workspace, owner: Client
) -> None:
    first = owner.post("/w/new", {"name": "Second"})
    again = owner.post("/w/new", {"name": "Second"})

    opened = Workspace.objects.get(name="Second")
    assert first.headers["Location"] == again.headers["Location"] == f"/w/{opened.slug}/"
    assert opened.memberships.get().user == owner_of(workspace)
    assert "Open another workspace" in owner.get(f"/w/{opened.slug}/").content.decode()


@pytest.mark.parametrize("name", ["", " ", "a\0b", "n" * 101])
def test_another_workspace_needs_a_name(name: str, owner: Client) -> None:
    assert owner.post("/w/new", {"name": name}).status_code == 422


def test_one_person_owns_so_many(
    workspace: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.dashboard.views.settings.MOST_OWNED", 1)

    answer = owner.post("/w/new", {"name": "Second"})

    assert answer.status_code == 422
    assert Membership.objects.filter(user=owner_of(workspace)).count() == 1


def note(workspace: Workspace, action: str, **more: Any) -> AuditEvent:
    audit(workspace_id=workspace.pk, action=action, **{"actor": None, "target": "x", **more})
    return AuditEvent.objects.of(workspace.pk).latest("id")


def actions(client: Client, workspace: Workspace, query: str = "") -> list[str]:
    answer = client.get(f"/w/{workspace.slug}/settings/audit?{query}")
    assert answer.status_code == 200
    return [line.event.action for line in answer.context["lines"]]


def test_audit_shows_before_and_after_and_nobody_elses(workspace: Workspace, owner: Client) -> None:
    note(
        workspace,
        "budget.changed",
        actor=owner_of(workspace),
        ip="203.0.113.7",
        detail={"from": {"cap_daily_points": None}, "to": {"cap_daily_points": 50_000_000}},
    )
    note(WorkspaceFactory.create(), "key.created", target="foreign")

    page = owner.get(f"/w/{workspace.slug}/settings/audit").content.decode()

    assert "cap daily:" in page
    assert "none → <strong>$5.00</strong>" in page
    assert "203.0.113.7" in page
    assert "foreign" not in page


def test_audit_filters_by_who_what_and_day(workspace: Workspace, owner: Client) -> None:
    who = member(workspace, "admin")
    note(workspace, "key.created", actor=who)
    note(workspace, "key.revoked")
    note(workspace, "member.left", actor=who)
    today = datetime.now(UTC).date().isoformat()

    assert actions(owner, workspace) == ["member.left", "key.revoked", "key.created"]
    assert actions(owner, workspace, f"actor={who.pk}") == ["member.left", "key.created"]
    assert actions(owner, workspace, "action=key.") == ["key.revoked", "key.created"]
    assert actions(owner, workspace, "action=key.created") == ["key.created"]
    assert len(actions(owner, workspace, f"first={today}&last={today}")) == 3
    assert actions(owner, workspace, "last=2020-01-01") == []
    odd = "actor=x&action=%25&first=never&last=9999-99-99&after=-5"
    assert len(actions(owner, workspace, odd)) == 3


def test_audit_pages_show_every_line_once(
    workspace: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.dashboard.views.settings._PAGE", 2)
    for number in range(5):
        note(workspace, f"key.a{number}")
    foreign = note(WorkspaceFactory.create(), "key.foreign")

    seen, query = [], "action=key."
    while query:
        answer = owner.get(f"/w/{workspace.slug}/settings/audit?{query}")
        seen += [line.event.action for line in answer.context["lines"]]
        query = answer.context["older"]

    assert seen == [f"key.a{number}" for number in reversed(range(5))]
    assert actions(owner, workspace, f"after={foreign.pk}") == ["key.a4", "key.a3"]


def test_audit_csv_has_the_filters_and_no_formula(workspace: Workspace, owner: Client) -> None:
    note(workspace, "key.created", target="=1+1", detail={"name": "ci"})
    note(workspace, "member.left")
    note(WorkspaceFactory.create(), "key.created", target="foreign")

    answer = owner.get(f"/w/{workspace.slug}/settings/audit.csv?action=key.")

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    header, line = text.splitlines()
    assert header == "time,who,action,target,before,after,facts,ip"
    assert line.endswith(",the platform,key.created,'=1+1,,,name: ci,")


def test_audit_log_asks_as_much_for_many_lines_as_for_one(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    owner.get(f"/w/{workspace.slug}/settings/audit")
    for _ in range(3):
        note(workspace, "key.created", actor=UserFactory.create())

    with django_assert_max_num_queries(12):
        owner.get(f"/w/{workspace.slug}/settings/audit")


def test_audit_is_not_for_developers(workspace: Workspace) -> None:
    client = browser(member(workspace))

    for path in ("settings", "settings/audit", "settings/audit.csv"):
        assert client.get(f"/w/{workspace.slug}/{path}").status_code == 404
