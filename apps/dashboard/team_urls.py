"""The pages of a workspace's people, of its settings and audit log, and of a person's own; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views import (
    me,
    me_data,
    me_delete,
    settings,
    settings_delete,
    team,
    team_invitations,
)

_TEAM = "w/<slug:slug>/team"
_SETTINGS = "w/<slug:slug>/settings"

urlpatterns: list[URLPattern] = [
    path(_TEAM, team.team, name="team"),
    path(f"{_TEAM}/<int:member_id>/role", team.role, name="team_role"),
    path(f"{_TEAM}/<int:member_id>/remove", team.remove, name="team_remove"),
    path(f"{_TEAM}/leave", team.leave, name="team_leave"),
    path(f"{_TEAM}/transfer", team.transfer, name="team_transfer"),
    path(f"{_TEAM}/invite", team_invitations.invite, name="team_invite"),
    path(
        f"{_TEAM}/invitations/<int:invitation_id>/resend",
        team_invitations.resend,
        name="team_resend",
    ),
    path(
        f"{_TEAM}/invitations/<int:invitation_id>/revoke",
        team_invitations.revoke,
        name="team_revoke",
    ),
    # Before the workspaces: none of them is called so.
    path("w/new", settings.workspace_new, name="workspace_new"),
    path(_SETTINGS, settings.settings, name="settings"),
    path(f"{_SETTINGS}/name", settings.rename, name="settings_rename"),
    path(f"{_SETTINGS}/audit", settings.audit, name="settings_audit"),
    path(f"{_SETTINGS}/audit.csv", settings.audit_csv, name="settings_audit_csv"),
    path(f"{_SETTINGS}/delete", settings_delete.delete, name="settings_delete"),
    path(f"{_SETTINGS}/restore", settings_delete.restore, name="settings_restore"),
    path("me/profile", me.profile, name="me_profile"),
    path("me/sessions", me.sessions, name="me_sessions"),
    path("me/sessions/<int:session_id>/end", me.session_end, name="me_session_end"),
    path("me/sessions/end", me.sessions_end, name="me_sessions_end"),
    path("me/data", me_data.data, name="me_data"),
    path("me/data/<int:export_id>", me_data.data_file, name="me_data_file"),
    path("me/delete", me_delete.delete, name="me_delete"),
    path("join/<str:token>", team_invitations.join, name="join"),
]
