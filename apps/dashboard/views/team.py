"""The people of a workspace: their roles, their leaving, its owner."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors
from apps.accounts.models import ApiKey, Membership
from apps.accounts.policies import Permission, Role
from apps.accounts.services import members
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.team import InviteForm, RemoveForm, TransferForm
from apps.dashboard.http import DashboardRequest, allowed, missing
from apps.dashboard.views import team_people


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def team(request: DashboardRequest) -> HttpResponse:
    """Who is in, who is invited, and what each role may do."""
    return team_page(request, InviteForm())


def team_page(request: DashboardRequest, form: InviteForm) -> HttpResponse:
    may_manage = allowed(request, Permission.MANAGE_MEMBERS)
    context = {
        "form": form,
        "people": team_people.people(workspace_id=request.workspace.pk),
        "spend_days": team_people.SPEND_DAYS,
        "may_manage": may_manage,
        "invitations": selectors.open_invitations(workspace_id=request.workspace.pk)
        if may_manage
        else [],
        "roles": [(role, _(Role(role).label)) for role in members.GIVEN_ROLES],
        "all_roles": list(Role.labels),
        "matrix": team_people.role_matrix(),
    }
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/team/page.html", context, status=status)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_MEMBERS)
def role(request: DashboardRequest, member_id: int) -> HttpResponse:
    """Give a member another role."""
    try:
        member = members.change_role(
            workspace_id=request.workspace.pk,
            member_id=member_id,
            role=request.POST.get("role", ""),
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except NotFound as error:
        missing(error)
    except InvalidRequest as error:
        messages.error(request, said(error.words))
    else:
        words = _("{email} is {role} now.")
        role = _(member.get_role_display())
        messages.success(request, words.format(email=member.user.email, role=role))
    return _back(request)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_MEMBERS)
def remove(request: DashboardRequest, member_id: int) -> HttpResponse:
    """Say what goes with the person, then remove them."""
    try:
        member = selectors.member(workspace_id=request.workspace.pk, member_id=member_id)
    except NotFound as error:
        missing(error)
    if member.user_id == request.user.pk:
        return redirect("dashboard:team_leave", slug=request.workspace.slug)
    form = RemoveForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            members.remove(
                workspace_id=request.workspace.pk,
                member_id=member.pk,
                keys=form.cleaned_data["keys"],
                actor=request.user,
                ip=client_ip(request.META) or None,
            )
        except NotFound as error:
            missing(error)
        except InvalidRequest as error:
            form.refuse(error)
        else:
            messages.success(request, _("{email} is out.").format(email=member.user.email))
            return _back(request)
    context = {"form": form, "member": member, "keys": _live_keys(member)}
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/team/remove.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_TASKS)
def leave(request: DashboardRequest) -> HttpResponse:
    """Say what goes with oneself, then leave."""
    if request.method != "POST":
        context = {"keys": _live_keys(request.membership)}
        return render(request, "dashboard/team/leave.html", context)
    try:
        members.remove(
            workspace_id=request.workspace.pk,
            member_id=request.membership.pk,
            keys="revoke",
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except NotFound as error:
        missing(error)
    except InvalidRequest as error:
        messages.error(request, said(error.words))
        return _back(request)
    words = _("You have left {workspace}.").format(workspace=request.workspace.name)
    messages.success(request, words)
    return redirect("dashboard:home")


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.DELETE_WORKSPACE)
@reauthentication_required  # type: ignore[untyped-decorator]
def transfer(request: DashboardRequest) -> HttpResponse:
    """Make another member the owner. Asks for the password, or another proof, first."""
    others = selectors.members(workspace_id=request.workspace.pk).exclude(user=request.user)
    form = TransferForm(request.POST if request.method == "POST" else None, others=others)
    if request.method == "POST" and form.is_valid():
        try:
            members.transfer(
                workspace_id=request.workspace.pk,
                member_id=form.cleaned_data["member"].pk,
                actor=request.user,
                ip=client_ip(request.META) or None,
            )
        except NotFound as error:
            missing(error)
        except InvalidRequest as error:
            form.refuse(error)
        else:
            messages.success(request, _("The workspace has a new owner. You are an admin now."))
            return _back(request)
    context = {"form": form, "others": others}
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/team/transfer.html", context, status=status)


def _live_keys(member: Membership) -> list[ApiKey]:
    found = selectors.newest_keys(workspace_id=member.workspace_id)
    return list(found.filter(created_by=member.user_id, revoked_at__isnull=True))


def _back(request: DashboardRequest) -> HttpResponse:
    return redirect("dashboard:team", slug=request.workspace.slug)
