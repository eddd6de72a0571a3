"""Renting seats: what so many cost, now and by the month, before it is done."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.policies import Permission
from apps.billing.gateways import stripe as gateway
from apps.billing.services.subscriptions import change, seats, start
from apps.billing.services.subscriptions.seats import Preview
from apps.byoa.selectors import SeatFamily
from apps.byoa.services import seats as seated
from apps.core.addresses import client_ip
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.accounts import SeatsForm
from apps.dashboard.forms.topup import new_key
from apps.dashboard.http import DashboardRequest, allowed, missing, no_store
from apps.dashboard.stripe_pages import may_go_to_stripe
from apps.dashboard.views.accounts.common import family_of, to_family

_SEE_OTHER = 303


@require_http_methods(["GET", "HEAD", "POST"])
@may_go_to_stripe  # type: ignore[arg-type]
@in_workspace(Permission.MANAGE_BILLING)
def seats_change(request: DashboardRequest, family: str) -> HttpResponse:
    """How many seats there shall be, what that costs, then the change."""
    found = family_of(request, family)
    if request.method != "POST":
        return _ask(request, found, _form(request, found))
    form = SeatsForm(request.POST)
    if not form.is_valid():
        return _ask(request, found, form)
    try:
        return _act(request, found, form.cleaned_data["seats"])
    except DomainError as error:
        return _ask(request, found, form, error=error)


def _form(request: DashboardRequest, family: SeatFamily) -> SeatsForm:
    """With the number of the address, else one unit more than there is."""
    return SeatsForm({"seats": request.GET.get("seats") or family.seats + family.pack})


def _ask(
    request: DashboardRequest,
    family: SeatFamily,
    form: SeatsForm,
    *,
    error: DomainError | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "family": family,
        "form": form,
        "client_key": new_key(),
        "takes_cards": gateway.is_configured(),
        "error": said(error.words) if error else "",
        "keeps_days": settings.SEAT_CREDENTIAL_DAYS,
        **_previewed(request, family, form),
    }
    status = 422 if error or form.errors else 200
    page = render(request, "dashboard/accounts/seats.html", context, status=status)
    return no_store(page)


def _previewed(request: DashboardRequest, family: SeatFamily, form: SeatsForm) -> dict[str, Any]:
    if not (gateway.is_configured() and form.is_valid()):
        return {}
    wanted: int = form.cleaned_data["seats"]
    try:
        preview: Preview = seats.preview(
            workspace=request.workspace, family=family.slug, seats=wanted
        )
    except DomainError as error:
        return {"preview_error": said(error.words)}
    # Accounts that lose their seats then: the newest of them.
    return {"preview": preview, "parked": max(0, family.accounts - wanted)}


def _act(request: DashboardRequest, family: SeatFamily, wanted: int) -> HttpResponse:
    """A form that is sent twice is one change."""
    asked = change.Asked(
        workspace=request.workspace,
        actor=request.user,
        client_key=request.POST.get("client_key", ""),
        ip=client_ip(request.META) or None,
    )
    pay_url = seats.set_seats(
        asked=asked, family=family.slug, seats=wanted, back=_return(request, family.slug)
    )
    if pay_url:
        return HttpResponseRedirect(pay_url, status=_SEE_OTHER)
    seated.sync(workspace_id=request.workspace.pk)
    messages.success(request, _done(family, wanted))
    return _back(request, family.slug)


def _done(family: SeatFamily, wanted: int) -> str:
    if wanted < family.seats:
        words = ngettext(
            "From the next period on: {count} seat for {family}.",
            "From the next period on: {count} seats for {family}.",
            wanted,
        )
    else:
        words = ngettext(
            "{family} has {count} seat now.", "{family} has {count} seats now.", wanted
        )
    return words.format(count=wanted, family=family.title)


def _return(request: DashboardRequest, family: str) -> start.Return:
    slug = request.workspace.slug
    done = reverse("dashboard:accounts_seats_done", args=[slug, family])
    left = reverse("dashboard:accounts_seats", args=[slug, family])
    return start.Return(
        done=f"{settings.BASE_URL}{done}?session={{CHECKOUT_SESSION_ID}}",
        left=f"{settings.BASE_URL}{left}",
    )


@require_safe
@in_workspace(Permission.MANAGE_BILLING)
def seats_done(request: DashboardRequest, family: str) -> HttpResponse:
    """Where the payment page sends its customer: the seats are there with the next page, no event needed."""
    found = family_of(request, family)
    try:
        is_paid = start.landed(
            workspace=request.workspace, session_ref=request.GET.get("session", "")
        )
    except NotFound as error:
        missing(error)
    except DomainError as error:
        messages.warning(request, said(error.words))
        return _back(request, family)
    if is_paid:
        seated.sync(workspace_id=request.workspace.pk)
        messages.success(
            request,
            _("Payment received. Your seats for {family} are ready.").format(family=found.title),
        )
    else:
        messages.warning(
            request, _("The payment is not confirmed yet. The seats start when it is.")
        )
    return _back(request, family)


def _back(request: DashboardRequest, family: str) -> HttpResponse:
    """Who pays need not see the accounts."""
    if allowed(request, Permission.VIEW_ACCOUNTS):
        return to_family(request, family)
    return redirect("dashboard:billing_plans", slug=request.workspace.slug)
