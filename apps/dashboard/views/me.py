"""A person's own settings: profile and sessions. Sign-in methods are allauth's pages."""

from allauth.usersessions.internal import flows
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.services import people
from apps.core.errors import InvalidRequest
from apps.dashboard.decorators import signed_in
from apps.dashboard.devices import device
from apps.dashboard.forms.me import ProfileForm
from apps.dashboard.http import DashboardRequest


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def profile(request: DashboardRequest) -> HttpResponse:
    """Name, language and time zone."""
    user = request.user
    initial = {"name": user.name, "language": user.language, "time_zone": user.time_zone}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            people.set_profile(user=user, **form.cleaned_data)
        except InvalidRequest as error:
            form.refuse(error)
        else:
            messages.success(request, _("Your profile is saved."))
            return redirect("dashboard:me")
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/me/profile.html", {"form": form}, status=status)


@require_safe
@signed_in
def sessions(request: DashboardRequest) -> HttpResponse:
    """Where the person is signed in, this browser first."""
    # Sessions from before they were listed are noted when their person looks.
    UserSession.objects.create_from_request(request)
    found = UserSession.objects.purge_and_list(request.user)
    found.sort(key=lambda one: (not one.is_current(), -one.last_seen_at.timestamp()))
    rows = [(one, device(one.user_agent), one.is_current()) for one in found]
    return render(request, "dashboard/me/sessions.html", {"rows": rows})


@require_POST
@signed_in
def session_end(request: DashboardRequest, session_id: int) -> HttpResponse:
    """End one; the one in use means signing out."""
    found = UserSession.objects.filter(user=request.user, pk=session_id).first()
    if found is None:
        raise Http404("There is no such session.")
    is_current = found.is_current()
    flows.sessions.end_sessions(request, [found])
    if is_current:
        return redirect("account_login")
    words = _("{device} is signed out.").format(device=device(found.user_agent))
    messages.success(request, words)
    return redirect("dashboard:me_sessions")


@require_POST
@signed_in
def sessions_end(request: DashboardRequest) -> HttpResponse:
    """End all but this one."""
    UserSession.objects.create_from_request(request)
    flows.sessions.end_other_sessions(request, request.user)
    messages.success(request, _("You are signed in here only."))
    return redirect("dashboard:me_sessions")
