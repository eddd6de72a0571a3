"""Plans: side by side, with what a change costs or takes away before it is made."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.accounts.policies import Permission
from apps.billing.gateways import stripe as gateway
from apps.billing.models import Subscription
from apps.billing.selectors import subscriptions as selectors
from apps.billing.services.subscriptions import by_hand, change, start
from apps.core.addresses import client_ip
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import said
from apps.dashboard import plan_cards
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.topup import new_key
from apps.dashboard.http import DashboardRequest, missing, no_store
from apps.dashboard.stripe_pages import may_go_to_stripe

_SEE_OTHER = 303


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def plan_list(request: DashboardRequest) -> HttpResponse:
    """The plans, one's own marked, and what is under way."""
    row = _subscription(request)
    context = {
        "cards": plan_cards.cards(request.workspace, row),
        "subscription": row,
        "seats": selectors.seat_rows(workspace_id=request.workspace.pk),
        "is_by_hand": by_hand.is_by_hand(workspace=request.workspace),
        "takes_cards": gateway.is_configured(),
        "client_key": new_key(),
        "grace_days": settings.DUNNING_DAYS[-1],
    }
    return no_store(render(request, "dashboard/billing/plans.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
@may_go_to_stripe  # type: ignore[arg-type]
@in_workspace(Permission.MANAGE_BILLING)
def plan_change(request: DashboardRequest, plan: str) -> HttpResponse:
    """What choosing a plan costs and changes, then the change."""
    if plan not in Plan.values:
        raise Http404("There is no such plan.")
    row = _subscription(request)
    move = plan_cards.move_to(plan, row)
    if not move and request.method != "POST":
        return _to_plans(request)
    if request.method != "POST":
        return _confirm(request, plan, move, row)
    try:
        return _act(request, plan, move)
    except DomainError as error:
        return _confirm(request, plan, move or "upgrade", row, error=error)


def _confirm(
    request: DashboardRequest,
    plan: str,
    move: str,
    row: Subscription | None,
    *,
    error: DomainError | None = None,
) -> HttpResponse:
    have = plans.terms_of_workspace(request.workspace)
    get = plans.newest_terms(plan=plan)
    context: dict[str, Any] = {
        "plan": plan,
        "name": Plan(plan).label,
        "terms": get,
        "move": move,
        "subscription": row,
        "gains": plan_cards.gains(have, get),
        "losses": plan_cards.losses(have, get),
        "client_key": new_key(),
        "error": said(error.words) if error else "",
    }
    if move == "upgrade":
        context |= _preview(request, plan)
    status = 422 if error else 200
    page = render(request, "dashboard/billing/plans_change.html", context, status=status)
    return no_store(page)


def _preview(request: DashboardRequest, plan: str) -> dict[str, Any]:
    try:
        return {"preview": change.preview(workspace=request.workspace, plan=plan)}
    except DomainError as error:
        return {"preview_error": said(error.words)}


def _act(request: DashboardRequest, plan: str, move: str) -> HttpResponse:
    """Do what the form was about. A form that is sent twice finds its change done, and says so."""
    if move == "subscribe":
        return HttpResponseRedirect(_page(request, plan), status=_SEE_OTHER)
    asked = _asked(request)
    if move == "upgrade":
        return _upgraded(request, change.upgrade(asked=asked, plan=plan), plan)
    if move == "downgrade":
        change.downgrade(asked=asked, plan=plan)
        text = _("From the next period on: {plan}.").format(plan=Plan(plan).label)
        messages.success(request, text)
    elif move == "cancel":
        change.cancel(asked=asked)
        messages.success(request, _("The plan ends with the paid period."))
    return _to_plans(request)


def _page(request: DashboardRequest, plan: str) -> str:
    slug = request.workspace.slug
    done = reverse("dashboard:billing_plans_done", args=[slug])
    back = start.Return(
        done=f"{settings.BASE_URL}{done}?session={{CHECKOUT_SESSION_ID}}",
        left=f"{settings.BASE_URL}{reverse('dashboard:billing_plans', args=[slug])}",
    )
    key = request.POST.get("client_key", "")
    return start.start(workspace=request.workspace, plan=plan, client_key=key, back=back)


def _upgraded(request: DashboardRequest, row: Subscription, plan: str) -> HttpResponse:
    if row.plan_version is not None and row.plan_version.plan == plan:
        text = _("This workspace is on {plan} now.").format(plan=Plan(plan).label)
        messages.success(request, text)
    else:
        messages.warning(
            request, _("Your bank wants you to confirm the payment. Nothing changed yet.")
        )
    return _to_plans(request)


@require_POST
@in_workspace(Permission.VIEW_BILLING, to_change=Permission.MANAGE_BILLING)
def plan_resume(request: DashboardRequest) -> HttpResponse:
    """Take back a downgrade or a cancellation."""
    try:
        change.resume(asked=_asked(request))
        messages.success(request, _("Your plan goes on as before."))
    except DomainError as error:
        messages.error(request, said(error.words))
    return _to_plans(request)


@require_POST
@in_workspace(Permission.VIEW_BILLING, to_change=Permission.MANAGE_BILLING)
def plan_end(request: DashboardRequest) -> HttpResponse:
    """End a subscription whose renewal is unpaid, at once."""
    row = _subscription(request)
    if row is None or row.state == Subscription.State.ACTIVE:
        return _to_plans(request)
    try:
        change.cancel(asked=_asked(request))
        messages.success(request, _("The subscription has ended."))
    except DomainError as error:
        messages.error(request, said(error.words))
    return _to_plans(request)


@require_safe
@in_workspace(Permission.MANAGE_BILLING)
def plan_done(request: DashboardRequest) -> HttpResponse:
    """Where Stripe's page sends its customer: the plan is there with the next page, no event needed."""
    try:
        is_paid = start.landed(
            workspace=request.workspace, session_ref=request.GET.get("session", "")
        )
    except NotFound as error:
        missing(error)
    except DomainError as error:
        messages.warning(request, said(error.words))
        return _to_plans(request)
    if is_paid:
        messages.success(request, _("Payment received. Your plan is active."))
    else:
        messages.warning(
            request, _("The payment is not confirmed yet. Your plan starts when it is.")
        )
    return _to_plans(request)


def _subscription(request: DashboardRequest) -> Subscription | None:
    return selectors.subscription_of(workspace_id=request.workspace.pk)


def _asked(request: DashboardRequest) -> change.Asked:
    return change.Asked(
        workspace=request.workspace,
        actor=request.user,
        client_key=request.POST.get("client_key", ""),
        ip=client_ip(request.META) or None,
    )


def _to_plans(request: DashboardRequest) -> HttpResponse:
    return redirect("dashboard:billing_plans", slug=request.workspace.slug)
