"""The pages of a workspace's people, of its settings and audit log, and of a person's own; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views import team, team_invitations

_TEAM = "w/<slug:slug>/team"

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
    path("join/<str:token>", team_invitations.join, name="join"),
]
