"""The saved card: replaced on Stripe's page, removed here."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.policies import Permission
from apps.billing.services import saved_cards
from apps.core.addresses import client_ip
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.topup import new_key
from apps.dashboard.http import DashboardRequest, missing
from apps.dashboard.stripe_pages import may_go_to_stripe

_SEE_OTHER = 303


@require_POST
@may_go_to_stripe
@in_workspace(Permission.VIEW_BILLING, to_change=Permission.MANAGE_BILLING)
def card(request: DashboardRequest) -> HttpResponse:
    """Off to the page on which a card is saved; nothing is paid there."""
    slug = request.workspace.slug
    done = reverse("dashboard:billing_card_done", args=[slug])
    left = reverse("dashboard:billing", args=[slug])
    try:
        url = saved_cards.start(
            workspace_id=request.workspace.pk,
            client_key=request.POST.get("client_key") or new_key(),
            done_url=f"{settings.BASE_URL}{done}?session={{CHECKOUT_SESSION_ID}}",
            left_url=f"{settings.BASE_URL}{left}",
        )
    except DomainError as error:
        messages.error(request, said(error.words))
        return redirect("dashboard:billing", slug)
    return HttpResponseRedirect(url or left, status=_SEE_OTHER)


@require_safe
@in_workspace(Permission.MANAGE_BILLING)
def card_done(request: DashboardRequest) -> HttpResponse:
    """Where Stripe's page sends its customer: the card is there with the next page, no event needed."""
    try:
        is_saved = saved_cards.landed(
            workspace_id=request.workspace.pk, page_ref=request.GET.get("session", "")
        )
    except NotFound as error:
        missing(error)
    except DomainError as error:
        messages.warning(request, said(error.words))
    else:
        if is_saved:
            messages.success(request, _("The card is saved."))
        else:
            messages.warning(request, _("The card is not saved yet."))
    return redirect("dashboard:billing", request.workspace.slug)


@require_POST
@in_workspace(Permission.VIEW_BILLING, to_change=Permission.MANAGE_BILLING)
def card_remove(request: DashboardRequest) -> HttpResponse:
    """Remove it, here and at Stripe."""
    try:
        saved_cards.remove(
            workspace_id=request.workspace.pk,
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
        messages.success(request, _("The card is removed. Nothing is charged by itself."))
    except DomainError as error:
        messages.error(request, said(error.words))
    return redirect("dashboard:billing", request.workspace.slug)
