"""Connecting an account: which provider, what we do with it, and a check before anything is stored."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.policies import Permission
from apps.byoa.models import Account
from apps.byoa.selectors import NoSeat, SeatFamily
from apps.byoa.services import own
from apps.core.errors import InvalidRequest
from apps.core.sentences import said
from apps.dashboard import account_pages
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.accounts import ConnectForm
from apps.dashboard.http import DashboardRequest, no_store
from apps.dashboard.views.accounts.common import by, family_of, to_account
from apps.providers import registry


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_ACCOUNTS)
def connect(request: DashboardRequest, family: str) -> HttpResponse:
    """The choice of a provider, then the form; what was typed stays after a refusal, the credential does not."""
    found = family_of(request, family)
    provider = _provider(request, found)
    if provider == "" or not account_pages.free_seats(found):
        return _choice(request, found)
    adapter = registry.adapter(provider)
    form = ConnectForm(
        request.POST if request.method == "POST" else None, family=family, adapter=adapter
    )
    if request.method != "POST" or not form.is_valid():
        return _form(request, found, provider, form)
    try:
        account = _connected(request, found, provider, form)
    except NoSeat as error:
        messages.error(request, said(error.words))
        return _choice(request, found)
    except InvalidRequest as error:
        form.refuse(error)
        return _form(request, found, provider, form, error=error)
    connected = _("{label} is connected: {provider} knows it, and it takes tasks now.")
    messages.success(request, connected.format(label=account.label, provider=_(adapter.title)))
    return to_account(request, account)


def _provider(request: DashboardRequest, family: SeatFamily) -> str:
    """The provider that was chosen; where there is only one, that one."""
    given = request.POST if request.method == "POST" else request.GET
    chosen = given.get("provider", "")
    if chosen in family.providers:
        return chosen
    return str(family.providers[0]) if len(family.providers) == 1 else ""


def _connected(
    request: DashboardRequest, family: SeatFamily, provider: str, form: ConnectForm
) -> Account:
    return own.connect(
        **by(request),
        family=family.slug,
        provider=provider,
        terms=form.terms(),
        credential=form.cleaned_data["credential"],
        # The form does not come through without all four.
        confirmed=True,
    )


def _choice(request: DashboardRequest, family: SeatFamily) -> HttpResponse:
    context = {"family": family, "adapters": [registry.adapter(one) for one in family.providers]}
    return render(request, "dashboard/accounts/connect_provider.html", context)


def _form(
    request: DashboardRequest,
    family: SeatFamily,
    provider: str,
    form: ConnectForm,
    *,
    error: InvalidRequest | None = None,
) -> HttpResponse:
    context = {
        "family": family,
        "adapter": registry.adapter(provider),
        "form": form,
        "lines": account_pages.connect_lines((error and error.detail) or {}),
    }
    status = 422 if form.is_bound else 200
    return no_store(render(request, "dashboard/accounts/connect_form.html", context, status=status))
