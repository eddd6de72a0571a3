import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Invitation, Membership, User, Workspace
from apps.accounts.services import KeyTerms, create_key
from apps.notifications.models import Email
from tests.dashboard.conftest import browser
from tests.factories import UserFactory, WorkspaceFactory, member, owner_of


def invited(workspace: Workspace, client: Client, email: str = "new@example.com") -> str:
    """The path in the mail."""
    client.post(f"/w/{workspace.slug}/team/invite", {"email": email, "role": "developer"})
    text = Email.objects.across_workspaces().filter(to=email, kind="invitation").latest("id").text
    found = re.search(r"http://testserver(/join/\S+)", text)
    assert found is not None
    return found.group(1)


def place(workspace: Workspace, user: User) -> Membership:
    return Membership.objects.get(workspace=workspace, user=user)


def proven(client: Client) -> Client:
    """Has typed the password again."""
    answer = client.post("/auth/reauthenticate/", {"password": "correct horse"})
    assert answer.status_code == 302
    return client


def test_team_page_shows_everybody_and_no_stranger(workspace: Workspace, owner: Client) -> None:
    developer = member(workspace, "developer")
    create_key(workspace_id=workspace.pk, terms=KeyTerms(name="a"), actor=developer)
    stranger = member(WorkspaceFactory.create())

    answer = owner.get(f"/w/{workspace.slug}/team")

    people = answer.context["people"]
    assert [(one.membership.user.email, one.keys) for one in people] == [
        (owner_of(workspace).email, 0),
        (developer.email, 1),
    ]
    assert stranger.email not in answer.content.decode()


def test_viewer_sees_who_is_in_but_nothing_private(workspace: Workspace, viewer: Client) -> None:
    invited(workspace, browser(owner_of(workspace)))

    page = viewer.get(f"/w/{workspace.slug}/team").content.decode()

    assert owner_of(workspace).email in page
    for private in ("new@example.com", "Second factor", "Send invitation", "Remove"):
        assert private not in page


def test_team_page_asks_as_much_for_many_members_as_for_one(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    owner.get(f"/w/{workspace.slug}/team")
    for _ in range(4):
        member(workspace)

    with django_assert_max_num_queries(12):
        owner.get(f"/w/{workspace.slug}/team")


def test_invitation_comes_by_mail_and_lets_its_person_in(
    workspace: Workspace, owner: Client
) -> None:
    path = invited(workspace, owner)
    person = UserFactory.create(email="new@example.com")
    client = browser(person)

    asked = client.get(path)
    done = client.post(path)

    assert (asked.status_code, asked.context["is_mine"]) == (200, True)
    assert done.headers["Location"] == f"/w/{workspace.slug}/"
    assert place(workspace, person).role == "developer"
    assert client.get(path).status_code == 410


def test_mail_says_its_time_in_utc_whoever_invites(workspace: Workspace, owner: Client) -> None:
    User.objects.filter(pk=owner_of(workspace).pk).update(time_zone="Asia/Tokyo")

    invited(workspace, owner)

    until = Invitation.objects.of(workspace.pk).get().expires_at
    text = Email.objects.of(workspace.pk).get().text
    assert f"until {until:%-d %b %Y, %H:%M} UTC" in text


def test_mail_holds_the_only_copy_of_the_link(workspace: Workspace, owner: Client) -> None:
    path = invited(workspace, owner)

    page = owner.get(f"/w/{workspace.slug}/team").content.decode()

    assert "new@example.com" in page
    assert path.rpartition("/")[2] not in page


def test_join_leads_who_is_not_signed_in_through_sign_up_and_back(
    workspace: Workspace, owner: Client, client: Client
) -> None:
    path = invited(workspace, owner)

    asked = client.get(path).content.decode()
    posted = client.post(path)
    signed_up = client.post(
        f"/auth/signup/?next={path}",
        {"email": "new@example.com", "password1": "a long horse battery", "next": path},
    )
    client.post(path)

    assert f"/auth/signup/?next={path}" in asked
    assert posted.status_code == 200
    assert (
        not Membership.objects.filter(workspace=workspace, role="developer")
        .exclude(user__email="new@example.com")
        .exists()
    )
    assert signed_up.headers["Location"] == path
    assert place(workspace, User.objects.get(email="new@example.com")).role == "developer"


def test_join_as_somebody_else_changes_nothing(
    workspace: Workspace, owner: Client, stranger: Client
) -> None:
    path = invited(workspace, owner)

    asked = stranger.get(path)
    stranger.post(path)

    assert (asked.status_code, asked.context["is_mine"]) == (200, False)
    assert workspace.memberships.count() == 1


def test_join_with_an_unknown_token_does_not_exist(client: Client, db: None) -> None:
    assert client.get("/join/nothing").status_code == 404
    assert client.post("/join/nothing").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", ""), ("email", "x"), ("email", "a\0@e.org"), ("role", "owner"), ("role", "")],
)
def test_invite_form_says_what_is_wrong_beside_the_field(
    field: str, value: str, workspace: Workspace, owner: Client
) -> None:
    form = {"email": "a@example.com", "role": "viewer", field: value}

    answer = owner.post(f"/w/{workspace.slug}/team/invite", form)

    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert not Invitation.objects.of(workspace.pk).exists()


def test_invite_twice_is_refused_and_sends_one_mail(workspace: Workspace, owner: Client) -> None:
    invited(workspace, owner)

    again = owner.post(
        f"/w/{workspace.slug}/team/invite", {"email": "NEW@example.com", "role": "viewer"}
    )

    assert (again.status_code, list(again.context["form"].errors)) == (422, ["email"])
    assert Email.objects.across_workspaces().filter(kind="invitation").count() == 1


def test_resend_and_revoke_from_the_page(workspace: Workspace, owner: Client) -> None:
    before = invited(workspace, owner)
    invitation = Invitation.objects.of(workspace.pk).get()
    base = f"/w/{workspace.slug}/team/invitations/{invitation.pk}"

    owner.post(f"{base}/resend")
    void = owner.get(before).status_code
    owner.post(f"{base}/revoke")
    owner.post(f"{base}/revoke")

    invitation.refresh_from_db()
    assert (void, invitation.state) == (404, "revoked")
    assert Email.objects.across_workspaces().filter(kind="invitation").count() == 2


def test_admin_changes_roles_but_not_the_owners(workspace: Workspace) -> None:
    admin, developer = browser(member(workspace, "admin")), member(workspace)
    base = f"/w/{workspace.slug}/team"
    owner = owner_of(workspace)

    admin.post(f"{base}/{place(workspace, developer).pk}/role", {"role": "billing"})
    admin.post(f"{base}/{place(workspace, developer).pk}/role", {"role": "owner"})
    admin.post(f"{base}/{place(workspace, owner).pk}/role", {"role": "viewer"})

    assert place(workspace, developer).role == "billing"
    assert place(workspace, owner).role == "owner"
    assert admin.get(f"{base}/transfer").status_code == 404


def test_remove_says_which_keys_go_and_does_it(workspace: Workspace, owner: Client) -> None:
    developer = member(workspace)
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="theirs"), actor=developer)
    path = f"/w/{workspace.slug}/team/{place(workspace, developer).pk}/remove"

    asked = owner.get(path).content.decode()
    done = owner.post(path, {"keys": "revoke"})
    again = owner.post(path, {"keys": "revoke"})

    key.refresh_from_db()
    assert key.masked in asked
    assert (done.status_code, again.status_code) == (302, 404)
    assert key.state == "revoked"
    assert browser(developer).get(f"/w/{workspace.slug}/").status_code == 404


def test_remove_without_a_choice_removes_nobody(workspace: Workspace, owner: Client) -> None:
    one = place(workspace, member(workspace))

    answer = owner.post(f"/w/{workspace.slug}/team/{one.pk}/remove", {"keys": "burn"})

    assert answer.status_code == 422
    assert Membership.objects.filter(pk=one.pk).exists()


def test_member_leaves_and_the_owner_cannot(workspace: Workspace, owner: Client) -> None:
    user = member(workspace, "viewer")

    left = browser(user).post(f"/w/{workspace.slug}/team/leave")
    owner.post(f"/w/{workspace.slug}/team/leave")

    assert left.headers["Location"] == "/w/"
    assert [one.role for one in workspace.memberships.all()] == ["owner"]


def test_transfer_asks_for_a_proof_first(workspace: Workspace, owner: Client) -> None:
    heir = place(workspace, member(workspace))
    path = f"/w/{workspace.slug}/team/transfer"

    asked = owner.get(path)
    posted = owner.post(path, {"member": heir.pk})

    heir.refresh_from_db()
    assert asked.headers["Location"] == f"/auth/reauthenticate/?next={path.replace('/', '%2F')}"
    assert (posted.status_code, heir.role) == (302, "developer")


def test_transfer_with_a_proof_makes_the_other_owner(workspace: Workspace, owner: Client) -> None:
    heir = place(workspace, member(workspace))
    foreign = place(other := WorkspaceFactory.create(), member(other))
    path = f"/w/{workspace.slug}/team/transfer"
    proven(owner)

    refused = owner.post(path, {"member": foreign.pk})
    done = owner.post(path, {"member": heir.pk})
    again = owner.post(path, {"member": heir.pk})

    heir.refresh_from_db()
    assert (refused.status_code, done.status_code, again.status_code) == (422, 302, 404)
    assert heir.role == "owner"


def test_numbers_beyond_the_database_do_not_exist(workspace: Workspace, owner: Client) -> None:
    base = f"/w/{workspace.slug}/team"
    for path in (f"{10**30}/role", f"{10**30}/remove", f"invitations/{10**30}/revoke"):
        assert owner.post(f"{base}/{path}").status_code == 404


def test_changes_need_the_token_of_a_form(workspace: Workspace) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner_of(workspace))

    answer = strict.post(
        f"/w/{workspace.slug}/team/invite", {"email": "a@example.com", "role": "viewer"}
    )

    assert answer.status_code == 403
    assert not Invitation.objects.of(workspace.pk).exists()
