"""Deleting one's own account."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest
from apps.dashboard.decorators import signed_in
from apps.dashboard.forms.me import DeleteForm
from apps.dashboard.http import DashboardRequest
from apps.dashboard.leaving import delete_account, farewell


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@reauthentication_required  # type: ignore[untyped-decorator]
def delete(request: DashboardRequest) -> HttpResponse:
    """Say what goes and what stays, ask for the address, then delete it and sign out."""
    form = DeleteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            delete_account(
                user_id=request.user.pk,
                email=form.cleaned_data["email"],
                ip=client_ip(request.META) or None,
            )
        except InvalidRequest as error:
            form.refuse(error)
        else:
            logout(request)
            messages.success(request, _("Your account is deleted."))
            return redirect("account_login")
    context = {"form": form, "farewell": farewell(user=request.user)}
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/me/delete.html", context, status=status)
