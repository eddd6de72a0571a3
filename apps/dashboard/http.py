"""What a dashboard request carries beyond Django's, and the few answers every page shares."""

from typing import NoReturn

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.policies import Permission, may
from apps.accounts.selectors import Identity
from apps.billing.selectors.state import MoneyState, money_state


class DashboardRequest(HttpRequest):
    """A signed-in member's request; `in_workspace` sets everything below `htmx`."""

    htmx: HtmxDetails
    user: User
    memberships: list[Membership]
    workspace: Workspace
    membership: Membership
    identity: Identity
    _money: MoneyState


def money_of(request: DashboardRequest) -> MoneyState:
    """The workspace's money as it was when first asked for: one query a request."""
    known: MoneyState | None = getattr(request, "_money", None)
    if known is None:
        known = money_state(workspace_id=request.workspace.pk)
        request._money = known
    return known


def allowed(request: DashboardRequest, permission: Permission) -> bool:
    """Whether the person's role in this workspace includes it."""
    return may(request.membership.role, permission)


def require(request: DashboardRequest, permission: Permission) -> None:
    """For actions: raises the 403 page."""
    if not allowed(request, permission):
        raise PermissionDenied("Your role in this workspace does not include this.")


def missing(error: Exception) -> NoReturn:
    """What does not exist and what is another workspace's look the same."""
    raise Http404(str(error)) from error


def no_store(response: HttpResponse) -> HttpResponse:
    """For pages with a secret on them: neither the browser nor a proxy keeps a copy."""
    response["Cache-Control"] = "no-store"
    return response
