"""Pages of the access table about people, keys and settings: who gets which, and where they are."""

from apps.accounts.models import Membership, Workspace
from apps.accounts.services import KeyTerms, create_key, invitations
from tests.factories import member, owner_of

# Name → method, expected status for (owner, developer, viewer, billing); as in `test_access`.
PAGES: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "key_edit": ("get", (200, 404, 404, 404)),  # a developer reaches only keys of their own
    "key_rotate": ("get", (200, 404, 404, 404)),
    "key_end_old": ("post", (302, 404, 404, 404)),
    "key_used": ("get", (302, 404, 404, 404)),
    "settings": ("get", (200, 404, 404, 404)),
    "settings_rename": ("post", (422, 404, 404, 404)),  # an empty form
    "settings_audit": ("get", (200, 404, 404, 404)),
    "settings_audit_csv": ("get", (200, 404, 404, 404)),
    "settings_delete": ("get", (302, 404, 404, 404)),  # asks for the password first
    "settings_restore": ("post", (302, 404, 404, 404)),
    "team": ("get", (200, 200, 200, 200)),
    "team_role": ("post", (302, 403, 403, 403)),
    "team_remove": ("get", (200, 404, 404, 404)),
    "team_leave": ("get", (200, 200, 200, 200)),
    "team_transfer": ("get", (302, 404, 404, 404)),  # asks for the password first
    "team_invite": ("post", (422, 403, 403, 403)),  # an empty form
    "team_resend": ("post", (302, 403, 403, 403)),
    "team_revoke": ("post", (302, 403, 403, 403)),
}

# A person's own; and the page of an invitation, which anybody may open who has its link.
OWN_PAGES = {
    "join", "workspace_new", "me_profile", "me_sessions", "me_session_end", "me_sessions_end",
    "me_data", "me_data_file", "me_delete",
}  # fmt: skip


def paths(workspace: Workspace) -> dict[str, str]:
    base = f"/w/{workspace.slug}"
    owner = owner_of(workspace)
    invitation, _ = invitations.invite(
        workspace_id=workspace.pk, email="access@example.com", role="viewer", actor=owner
    )
    one = Membership.objects.get(workspace=workspace, user=member(workspace, "admin"))
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="b"), actor=None)
    one_key = f"{base}/keys/{key.pk}"
    invited = f"{base}/team/invitations/{invitation.pk}"
    return {
        "key_edit": one_key,
        "key_rotate": f"{one_key}/rotate",
        "key_end_old": f"{one_key}/old",
        "key_used": f"{one_key}/used",
        "settings": f"{base}/settings",
        "settings_rename": f"{base}/settings/name",
        "settings_audit": f"{base}/settings/audit",
        "settings_audit_csv": f"{base}/settings/audit.csv",
        "settings_delete": f"{base}/settings/delete",
        "settings_restore": f"{base}/settings/restore",
        "team": f"{base}/team",
        "team_role": f"{base}/team/{one.pk}/role",
        "team_remove": f"{base}/team/{one.pk}/remove",
        "team_leave": f"{base}/team/leave",
        "team_transfer": f"{base}/team/transfer",
        "team_invite": f"{base}/team/invite",
        "team_resend": f"{invited}/resend",
        "team_revoke": f"{invited}/revoke",
    }
