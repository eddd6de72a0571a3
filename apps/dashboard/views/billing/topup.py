"""Top-ups by card: the form, the way to Stripe's page, and what became of it."""

import logging
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.policies import Permission
from apps.billing.gateways import stripe as gateway
from apps.billing.models import Provider, TopUp
from apps.billing.selectors import payments as selectors
from apps.billing.services import topups
from apps.billing.services.auto_topup import charge
from apps.billing.services.inbox import NotOurs, Unmatched
from apps.billing.services.payments import PaymentMismatch
from apps.catalog import pricing, registry
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.core.money import POINTS_PER_USD
from apps.core.sentences import said
from apps.dashboard import crypto_pages
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.topup import PRESETS, TopUpForm, new_key
from apps.dashboard.forms.topup_crypto import fresh as fresh_crypto_form
from apps.dashboard.http import DashboardRequest, missing, no_store
from apps.dashboard.stripe_pages import may_go_to_stripe

log = logging.getLogger(__name__)

# However many tabs wait, Stripe is asked once in this time.
_LOOK_SECONDS = 3
_NEWEST = 5
# Two things most people buy; as the catalogue's own example has them.
_EXAMPLES = (
    ("Qubico/flux1-schnell", "txt2img", gettext_noop("Flux images")),
    ("kling", "video_generation", gettext_noop("Kling clips")),
)
_EXAMPLE_POINTS = 200_000_000


@require_http_methods(["GET", "HEAD", "POST"])
@may_go_to_stripe
@in_workspace(Permission.MANAGE_BILLING)
def topup(request: DashboardRequest) -> HttpResponse:
    """How much, and off to the payment page."""
    if request.method != "POST":
        return _form(request, TopUpForm(initial={"client_key": new_key()}))
    form = TopUpForm(request.POST)
    if not form.is_valid():
        return _form(request, form)
    try:
        started = topups.start(
            workspace_id=request.workspace.pk,
            user=request.user,
            amount_points=form.amount_points,
            client_key=form.cleaned_data["client_key"],
            status_url=lambda top_up_id: f"{settings.BASE_URL}{_status_path(request, top_up_id)}",
            saves_card=form.cleaned_data["saves_card"],
        )
    except DomainError as error:
        form.refuse(error)
        return _form(request, form, is_used=isinstance(error, InvalidRequest))
    return _see_other(started.pay_url or _status_path(request, started.pk))


def _form(request: DashboardRequest, form: TopUpForm, *, is_used: bool = False) -> HttpResponse:
    context = {
        "form": form,
        "client_key": new_key() if is_used else form["client_key"].value() or new_key(),
        "takes_cards": gateway.is_configured(),
        "crypto_form": fresh_crypto_form(),
        "presets": [(str(one), one * POINTS_PER_USD) for one in PRESETS],
        "preset": form["preset"].value(),
        "expire_days": settings.CREDITS_EXPIRE_DAYS,
        "buys": _buys(request),
        "customer": selectors.customer(workspace_id=request.workspace.pk),
        "newest": selectors.newest_top_ups(workspace_id=request.workspace.pk)[:_NEWEST],
    }
    status = 422 if form.is_bound else 200
    # Kept out of the browser's memory of pages: coming back from Stripe begins a new form.
    return no_store(render(request, "dashboard/billing/topup.html", context, status=status))


def _buys(request: DashboardRequest) -> list[tuple[int, str]]:
    """How many of each example the sum brings, at this workspace's prices."""
    found = []
    for model, task_type, words in _EXAMPLES:
        spec = registry.spec_of(model, task_type)
        price = pricing.quote(
            spec=spec,
            values=spec.input.model_validate(spec.example),
            workspace_id=request.workspace.pk,
            plan=request.workspace.plan,
        ).points
        if price:
            found.append((_EXAMPLE_POINTS // price, _(words)))
    return found


def _status_path(request: DashboardRequest, top_up_id: UUID) -> str:
    return reverse("dashboard:billing_topup_status", args=[request.workspace.slug, top_up_id])


def _see_other(url: str) -> HttpResponse:
    return HttpResponseRedirect(url, status=303)


# ------------------------------------------------------------------------------------- status
@require_safe
@may_go_to_stripe  # type: ignore[arg-type]
@in_workspace(Permission.MANAGE_BILLING)
def topup_status(request: DashboardRequest, top_up_id: UUID) -> HttpResponse:
    """Where a top-up stands. The customer lands here from Stripe, so this looks there, too."""
    found = _top_up(request, top_up_id)
    is_odd = False
    if found.provider == Provider.STRIPE and found.state in TopUp.OPEN:
        found, is_odd = _looked_at(found)
    is_open = found.state in TopUp.OPEN
    context = {
        "top_up": found,
        "payments": selectors.payments_of(workspace_id=request.workspace.pk, top_up_id=found.pk),
        "is_odd": is_odd,
        "is_open": is_open,
        "is_card": found.provider == Provider.STRIPE,
        "crypto": crypto_pages.page(found) if found.provider == Provider.EVM else None,
        # Who left the payment page is asked what next; everybody else is waiting for an answer.
        "has_left": "left" in request.GET,
    }
    if request.htmx and not request.htmx.boosted:
        return no_store(render(request, "dashboard/billing/_topup_state.html", context))
    return no_store(render(request, "dashboard/billing/topup_status.html", context))


def _looked_at(top_up: TopUp) -> tuple[TopUp, bool]:
    """The top-up as Stripe has it now, and whether what was paid does not fit it. A silent Stripe changes nothing."""
    if not cache.add(f"topup:look:{top_up.pk}", 1, timeout=_LOOK_SECONDS):
        return top_up, False
    look = charge.look if top_up.kind == TopUp.Kind.AUTO else topups.confirm
    try:
        return look(top_up=top_up), False
    except (gateway.Unavailable, gateway.NotConfigured, NotOurs):
        return top_up, False
    except (gateway.StripeError, Unmatched, PaymentMismatch) as error:
        log.warning("top-up does not fit", extra={"error": type(error).__name__})
        return top_up, True


def _top_up(request: DashboardRequest, top_up_id: UUID) -> TopUp:
    try:
        return selectors.top_up(workspace_id=request.workspace.pk, top_up_id=top_up_id)
    except NotFound as error:
        missing(error)


@require_POST
@in_workspace(Permission.MANAGE_BILLING)
def topup_cancel(request: DashboardRequest, top_up_id: UUID) -> HttpResponse:
    """Give it up. What was paid meanwhile is credited."""
    found = _top_up(request, top_up_id)
    if found.provider == Provider.STRIPE and found.state in TopUp.OPEN:
        try:
            _cancel(found)
        except DomainError as error:
            messages.error(request, said(error.words))
    return redirect("dashboard:billing_topup_status", request.workspace.slug, found.pk)


def _cancel(top_up: TopUp) -> None:
    if top_up.kind == TopUp.Kind.AUTO:
        charge.cancel(top_up=top_up)
    else:
        topups.cancel(top_up=top_up)


@require_POST
@may_go_to_stripe  # type: ignore[arg-type]
@in_workspace(Permission.MANAGE_BILLING)
def topup_confirm(request: DashboardRequest, top_up_id: UUID) -> HttpResponse:
    """On to the bank that wants to see who pays an automatic top-up; the payment stays the same one."""
    found = _top_up(request, top_up_id)
    path = _status_path(request, found.pk)
    if found.kind == TopUp.Kind.AUTO and found.state == TopUp.State.NEEDS_ACTION:
        try:
            found = charge.confirm(top_up=found, return_url=f"{settings.BASE_URL}{path}")
        except DomainError as error:
            messages.error(request, said(error.words))
            return _see_other(path)
    return _see_other(found.pay_url or path)


# ------------------------------------------------------------------------------------- portal
@require_POST
@in_workspace(Permission.MANAGE_BILLING)
def portal(request: DashboardRequest) -> HttpResponse:
    """Stripe's own page for cards, billing address and its receipts."""
    customer = selectors.customer(workspace_id=request.workspace.pk)
    back = reverse("dashboard:billing", args=[request.workspace.slug])
    if customer is None:
        messages.error(request, _("There is nothing to manage before the first payment."))
        return redirect(back)
    try:
        url = gateway.make_portal(customer=customer.ref, return_url=f"{settings.BASE_URL}{back}")
    except gateway.StripeError as error:
        messages.error(request, said(error.message))
        return redirect(back)
    return _see_other(url)
