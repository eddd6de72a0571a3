"""The state of the money on one page, and the form of automatic top-ups on it."""

from datetime import UTC
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.accounts.policies import Permission
from apps.billing.gateways import stripe as gateway
from apps.billing.models import AutoTopUp, Invoice, PaymentCustomer
from apps.billing.selectors import auto_topup as auto_selectors
from apps.billing.selectors import budgets, invoices, lots, transactions
from apps.billing.selectors.state import MoneyState
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.selectors.transactions import LineFilter
from apps.billing.services.auto_topup import terms
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest
from apps.dashboard import causes
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.auto_topup import AutoTopUpForm, shown
from apps.dashboard.forms.topup import new_key
from apps.dashboard.http import DashboardRequest, allowed, money_of, no_store
from apps.dashboard.stripe_pages import may_go_to_stripe

_NEWEST = 5


@require_safe
@may_go_to_stripe
@in_workspace(Permission.VIEW_BALANCE)
def overview(request: DashboardRequest) -> HttpResponse:
    """Balance, plan, and what comes next."""
    return _page(request)


@require_POST
@may_go_to_stripe
@in_workspace(Permission.VIEW_BILLING, to_change=Permission.MANAGE_BILLING)
def auto_topup(request: DashboardRequest) -> HttpResponse:
    """Keep when the saved card is charged by itself."""
    form = AutoTopUpForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        row = terms.change(
            workspace_id=request.workspace.pk,
            wanted=form.wanted(),
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        form.refuse(error)
        return _page(request, form)
    messages.success(
        request, _("Automatic top-ups are on.") if row.is_on else _("Automatic top-ups are off.")
    )
    return redirect("dashboard:billing", request.workspace.slug)


def _page(request: DashboardRequest, form: AutoTopUpForm | None = None) -> HttpResponse:
    money = money_of(request)
    pace = budgets.pace(workspace_id=request.workspace.pk)
    newest: list[Invoice] = []
    context: dict[str, Any] = {}
    if allowed(request, Permission.VIEW_BILLING):
        context |= {
            **_plan(request),
            **_automatic(money, form),
            "auto_days": _lasts(money.auto_top_up, pace),
            "meters": budgets.workspace_meters(workspace=request.workspace),
        }
        newest = list(invoices.invoices(workspace_id=request.workspace.pk)[:_NEWEST])
    context |= {"invoices": newest, **_balance(request, money, pace, newest)}
    status = 422 if form is not None else 200
    # The forms to Stripe carry a key of their own: coming back begins with a new one.
    return no_store(render(request, "dashboard/billing/overview.html", context, status=status))


def _balance(
    request: DashboardRequest, money: MoneyState, pace: budgets.Pace, newest: list[Invoice]
) -> dict[str, Any]:
    workspace_id = request.workspace.pk
    page = transactions.page(workspace_id=workspace_id, filter=LineFilter(), limit=_NEWEST)
    return {
        "days_left": pace.days(money.wallet.available),
        "expiring": next(iter(lots.expiring(workspace_id=workspace_id)), None),
        "rows": causes.of(lines=page.lines, request=request, known=newest),
    }


def _plan(request: DashboardRequest) -> dict[str, Any]:
    return {
        "plan_name": Plan(request.workspace.plan).label,
        "terms": plans.terms_of_workspace(request.workspace),
        "subscription": subscription_of(workspace_id=request.workspace.pk),
    }


def _automatic(money: MoneyState, form: AutoTopUpForm | None) -> dict[str, Any]:
    row, customer = money.auto_top_up, money.customer
    return {
        "form": form or AutoTopUpForm(initial=shown(row)),
        "auto": row,
        "auto_spent": _spent(row),
        "card": customer if customer and customer.card_ref else None,
        "card_is_expired": customer is not None and _is_expired(customer),
        "takes_cards": gateway.is_configured(),
        "client_key": new_key(),
    }


def _spent(row: AutoTopUp | None) -> auto_selectors.Spent | None:
    if row is None or not row.is_on:
        return None
    return auto_selectors.spent(workspace_id=row.workspace_id, now=timezone.now())


def _lasts(row: AutoTopUp | None, pace: budgets.Pace) -> int | None:
    """For how many days one automatic top-up lasts at the present pace."""
    return pace.days(row.amount_points) if row is not None and row.is_on else None


def _is_expired(customer: PaymentCustomer) -> bool:
    if customer.card_exp_year is None or customer.card_exp_month is None:
        return False
    today = timezone.now().astimezone(UTC)
    return (customer.card_exp_year, customer.card_exp_month) < (today.year, today.month)
