"""What the pages of own accounts share."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from apps.accounts.models import User
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.selectors import SeatFamily
from apps.core.addresses import client_ip
from apps.core.errors import NotFound
from apps.dashboard.http import DashboardRequest, missing


def family_of(request: DashboardRequest, slug: str) -> SeatFamily:
    """Raises 404 for what no seats are sold for."""
    families = selectors.seat_families(workspace=request.workspace)
    found = next((one for one in families if one.slug == slug), None)
    if found is None:
        missing(NotFound(f"There are no seats for {slug}."))
    return found


def account_of(request: DashboardRequest, family: str, account_id: int) -> Account:
    """The workspace's account of that family, with `now` and `in_use`; else 404."""
    try:
        found = selectors.own_account(workspace_id=request.workspace.pk, account_id=account_id)
    except NotFound as error:
        missing(error)
    if found.family != family:
        missing(NotFound(f"There is no account {account_id} of {family}."))
    return found


def now_of(account: Account) -> datetime:
    """The database's time when the account was read."""
    now: datetime = account.now  # type: ignore[attr-defined]
    return now


def by(request: DashboardRequest) -> dict[str, Any]:
    """Who acts, for the services."""
    actor: User = request.user
    return {
        "workspace": request.workspace,
        "actor": actor,
        "ip": client_ip(request.META) or None,
    }


def to_family(request: DashboardRequest, family: str) -> HttpResponse:
    return redirect("dashboard:accounts_family", slug=request.workspace.slug, family=family)


def to_account(request: DashboardRequest, account: Account) -> HttpResponse:
    return redirect(
        "dashboard:accounts_one",
        slug=request.workspace.slug,
        family=account.family,
        account_id=account.pk,
    )
