"""Invitations: sent, sent again, withdrawn, and the page their mail leads to."""

from allauth.account.models import EmailAddress
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.models import Invitation, User
from apps.accounts.policies import Permission
from apps.accounts.services import invitations
from apps.core.addresses import client_ip
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.team import InviteForm
from apps.dashboard.http import DashboardRequest, missing
from apps.dashboard.views.team import team_page
from apps.notifications.services import mail


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_MEMBERS)
def invite(request: DashboardRequest) -> HttpResponse:
    """Write to an address."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return team_page(request, form)
    try:
        with transaction.atomic():
            invitation, token = invitations.invite(
                workspace_id=request.workspace.pk,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                actor=request.user,
                ip=client_ip(request.META) or None,
            )
            _mail(invitation, token)
    except DomainError as error:
        form.refuse(error)
        return team_page(request, form)
    words = _("The invitation to {email} is on its way.")
    messages.success(request, words.format(email=invitation.email))
    return redirect("dashboard:team", slug=request.workspace.slug)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_MEMBERS)
def resend(request: DashboardRequest, invitation_id: int) -> HttpResponse:
    """Write again, with a new link; the one before works no longer."""
    try:
        with transaction.atomic():
            invitation, token = invitations.resend(
                workspace_id=request.workspace.pk,
                invitation_id=invitation_id,
                actor=request.user,
                ip=client_ip(request.META) or None,
            )
            _mail(invitation, token)
    except NotFound as error:
        missing(error)
    except DomainError as error:
        messages.error(request, said(error.words))
    else:
        words = _("Sent again to {email}. The link before is void.")
        messages.success(request, words.format(email=invitation.email))
    return redirect("dashboard:team", slug=request.workspace.slug)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_MEMBERS)
def revoke(request: DashboardRequest, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation."""
    try:
        invitation = invitations.revoke(
            workspace_id=request.workspace.pk,
            invitation_id=invitation_id,
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except NotFound as error:
        missing(error)
    except DomainError as error:
        messages.error(request, said(error.words))
    else:
        words = _("The invitation to {email} is withdrawn.")
        messages.success(request, words.format(email=invitation.email))
    return redirect("dashboard:team", slug=request.workspace.slug)


def _mail(invitation: Invitation, token: str) -> None:
    mail.add(
        key=f"invitation:{invitation.pk}:{invitation.sent_at.timestamp()}",
        to=[invitation.email],
        template="invitation",
        context={
            "invitation": invitation,
            "workspace": invitation.workspace,
            "path": reverse("dashboard:join", args=[token]),
        },
        workspace_id=invitation.workspace_id,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def join(request: HttpRequest, token: str) -> HttpResponse:
    """What the invitation is for, and the button that accepts it; who is not signed in is led there and back."""
    try:
        invitation = invitations.invitation_by_token(token=token)
    except NotFound as error:
        missing(error)
    if request.method == "POST" and request.user.is_authenticated:
        return _accept(request, request.user, token)
    addresses = _addresses(request.user) if request.user.is_authenticated else set()
    context = {
        "invitation": invitation,
        "invited_to": invitation.workspace,
        "is_mine": invitations.is_for(invitation, addresses=addresses),
        "here": request.path,
    }
    status = 200 if invitation.state == "open" else 410
    return render(request, "dashboard/team/join.html", context, status=status)


def _accept(request: HttpRequest, user: User, token: str) -> HttpResponse:
    try:
        membership = invitations.accept(
            token=token,
            user=user,
            addresses=_addresses(user),
            ip=client_ip(request.META) or None,
        )
    except NotFound as error:
        missing(error)
    except DomainError as error:
        messages.error(request, said(error.words))
        return redirect("dashboard:join", token=token)
    words = _("You are in {workspace} now.").format(workspace=membership.workspace.name)
    messages.success(request, words)
    return redirect("dashboard:overview", slug=membership.workspace.slug)


def _addresses(user: User) -> set[str]:
    """The sign-in address, and the others that the person has confirmed.

    The token came by mail, so who has it and signs in with that address has shown that it is theirs.
    """
    confirmed = EmailAddress.objects.filter(user=user, verified=True)
    return {user.email, *confirmed.values_list("email", flat=True)}
