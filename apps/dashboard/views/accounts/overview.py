"""Own accounts by family: seats, switches, and how the accounts do."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.policies import Permission
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.selectors import SeatFamily
from apps.byoa.services import own, pools
from apps.core.errors import InvalidRequest
from apps.core.sentences import said
from apps.dashboard import account_pages
from apps.dashboard.account_pages import Card
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest
from apps.dashboard.views.accounts.common import by, family_of, to_family
from apps.tasks.selectors import account_report


@require_safe
@in_workspace(Permission.VIEW_ACCOUNTS)
def overview(request: DashboardRequest) -> HttpResponse:
    """Families that the workspace has something of, and the others folded away."""
    cards = _cards(request, own.mine(workspace_id=request.workspace.pk))
    by_family: dict[str, list[Card]] = defaultdict(list)
    for card in cards:
        by_family[card.account.family].append(card)
    found = selectors.seat_families(workspace=request.workspace)
    context = {
        "families": [(one, by_family[one.slug]) for one in found if _is_used(one)],
        "more": [one for one in found if not _is_used(one)],
    }
    return render(request, "dashboard/accounts/page.html", context)


def _is_used(family: SeatFamily) -> bool:
    """Whether there is anything of it to see."""
    return bool(family.seats or family.accounts or family.parked or family.is_private)


@require_safe
@in_workspace(Permission.VIEW_ACCOUNTS)
def family(request: DashboardRequest, family: str) -> HttpResponse:
    """One family's accounts as cards."""
    found = family_of(request, family)
    rows = selectors.own_accounts(workspace_id=request.workspace.pk, family=family)
    context = {"family": found, "cards": _cards(request, list(rows))}
    return render(request, "dashboard/accounts/family.html", context)


def _cards(request: DashboardRequest, accounts: list[Account]) -> list[Card]:
    days = account_report.last_days(
        workspace_id=request.workspace.pk, account_ids=[one.pk for one in accounts]
    )
    return account_pages.cards(accounts, days)


# What a switch is called in forms, and what is said when it was turned on or off.
_SWITCHES: dict[str, tuple[str, str]] = {
    "private": (
        gettext_noop(
            "{title} is private: its tasks run on your own accounts unless they ask otherwise."
        ),
        gettext_noop(
            "{title} is public: its tasks are paid per use unless they ask for the private pool."
        ),
    ),
    "failover": (
        gettext_noop("{title} tasks that none of your accounts can take go to pay-per-use."),
        gettext_noop("{title} tasks that none of your accounts can take wait, or are refused."),
    ),
    "skip_flagged": (
        gettext_noop("Tasks skip accounts that Suno has flagged."),
        gettext_noop("Tasks use accounts that Suno has flagged."),
    ),
}


@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def pool(request: DashboardRequest, family: str) -> HttpResponse:
    """Turn a switch of the family on or off."""
    found = family_of(request, family)
    name, is_on = request.POST.get("switch", ""), request.POST.get("on") == "1"
    if name not in _SWITCHES:
        raise Http404("There is no such switch.")
    try:
        _turns(request, found)[name](is_on)
    except InvalidRequest as error:
        messages.error(request, said(error.words))
    else:
        switched = _(_SWITCHES[name][0 if is_on else 1])
        messages.success(request, switched.format(title=found.title))
    if request.POST.get("back") == "all":
        return redirect("dashboard:accounts", slug=request.workspace.slug)
    return to_family(request, family)


def _turns(request: DashboardRequest, family: SeatFamily) -> dict[str, Callable[[bool], Any]]:
    who, slug = by(request), family.slug
    return {
        "private": lambda is_on: pools.set_private(**who, family=slug, is_on=is_on),
        "failover": lambda is_on: pools.set_failover(**who, family=slug, is_on=is_on),
        "skip_flagged": lambda is_on: pools.set_skip_flagged(**who, is_on=is_on),
    }
