"""One own account: how it is and why, its checklist, settings and credential, what ran there, and its end."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.policies import Permission
from apps.byoa.models import Account
from apps.byoa.services import checklist, own
from apps.byoa.services import terms as settings
from apps.byoa.services.checklist import Line
from apps.byoa.services.terms import Terms
from apps.core.errors import InvalidRequest
from apps.dashboard import account_pages
from apps.dashboard.account_words import told
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.accounts import (
    CredentialForm,
    DeleteForm,
    PeriodForm,
    SettingsForm,
    shown,
)
from apps.dashboard.http import DashboardRequest, allowed, no_store
from apps.dashboard.views.accounts.common import (
    account_of,
    by,
    now_of,
    to_account,
    to_family,
)
from apps.providers import registry
from apps.tasks import selectors as tasks
from apps.tasks.selectors import account_report

_EVENTS = 20
_TASKS = 20


@require_safe
@in_workspace(Permission.VIEW_ACCOUNTS)
def account(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Everything about the account; nothing of its credential."""
    return _page(request, account_of(request, family, account_id))


def _page(
    request: DashboardRequest,
    found: Account,
    *,
    lines: Sequence[Line] = (),
    form: SettingsForm | None = None,
    credential: CredentialForm | None = None,
) -> HttpResponse:
    workspace_id = request.workspace.pk
    last_day = account_report.last_days(workspace_id=workspace_id, account_ids=[found.pk])
    context: dict[str, Any] = {
        "card": account_pages.card(found, last_day[found.pk]),
        "account": found,
        "adapter": registry.adapter(found.provider),
        "lines": account_pages.told_lines(lines),
        "history": [(one, told(one.reason)) for one in found.events.order_by("-id")[:_EVENTS]],
        "tasks": tasks.tasks_of_account(
            workspace_id=workspace_id, account_id=found.pk, limit=_TASKS
        ),
        "week": account_pages.week(settings.terms_of(found), now=now_of(found)),
        "form": form or SettingsForm(initial=shown(found), family=found.family),
        "credential": credential or _credential(found),
        "may_change": allowed(request, Permission.MANAGE_ACCOUNTS),
    }
    status = 422 if form is not None or credential is not None else 200
    page = render(request, "dashboard/accounts/account.html", context, status=status)
    return no_store(page)


def _credential(found: Account, data: Any = None) -> CredentialForm:
    return CredentialForm(data, adapter=registry.adapter(found.provider), base_url=found.base_url)


# -------------------------------------------------------------------------------- checking
@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def check(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Look at every condition now; the list alone for htmx, else the page with it."""
    account_of(request, family, account_id)
    lines = checklist.run(workspace_id=request.workspace.pk, account_id=account_id)
    found = account_of(request, family, account_id)
    if not request.htmx:
        return _page(request, found, lines=lines)
    last_day = account_report.last_days(workspace_id=request.workspace.pk, account_ids=[found.pk])
    context = {
        "account": found,
        "card": account_pages.card(found, last_day[found.pk]),
        "lines": account_pages.told_lines(lines),
        "may_change": True,
    }
    return no_store(render(request, "dashboard/accounts/_check.html", context))


@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def recheck(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Its owner says that what kept it from working is over."""
    found = account_of(request, family, account_id)
    try:
        said = own.recheck(**by(request), account_id=account_id)
    except InvalidRequest as error:
        messages.error(
            request, _("{label}: {said}").format(label=found.label, said=told(error.words))
        )
    else:
        messages.success(request, _("{label}: {said}").format(label=found.label, said=told(said)))
    return _back(request, found)


# ----------------------------------------------------------------------- pausing and starting
@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def pause(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    return _switched(
        request,
        family,
        account_id,
        own.pause,
        gettext_noop("{label} is paused; follow-ups of its tasks still run there."),
    )


@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def start(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    return _switched(request, family, account_id, own.start, gettext_noop("{label} is started."))


def _switched(
    request: DashboardRequest,
    family: str,
    account_id: int,
    switch: Callable[..., None],
    said: str,
) -> HttpResponse:
    found = account_of(request, family, account_id)
    switch(**by(request), account_id=account_id)
    messages.success(request, _(said).format(label=found.label))
    return _back(request, found)


def _back(request: DashboardRequest, found: Account) -> HttpResponse:
    """To the list where the button was pressed there."""
    if request.POST.get("back") == "family":
        return to_family(request, found.family)
    return to_account(request, found)


# -------------------------------------------------------------------------------- changing
@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def change(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Keep the settings."""
    found = account_of(request, family, account_id)
    form = SettingsForm(request.POST, family=family)
    if not form.is_valid():
        return _page(request, found, form=form)
    try:
        own.change(**by(request), account_id=account_id, **form.values())
    except InvalidRequest as error:
        form.refuse(error)
        return _page(request, found, form=form)
    messages.success(request, _("The settings are saved and count from the next task on."))
    return to_account(request, found)


@require_POST
@in_workspace(Permission.VIEW_ACCOUNTS, to_change=Permission.MANAGE_ACCOUNTS)
def credential(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Put another credential in the place of the old one, once the provider takes it."""
    found = account_of(request, family, account_id)
    form = _credential(found, request.POST)
    if not form.is_valid():
        return _page(request, found, credential=form)
    default = registry.adapter(found.provider).base_url_default
    try:
        own.change(
            **by(request),
            account_id=account_id,
            credential=form.cleaned_data["credential"],
            base_url=form.cleaned_data["base_url"] or default,
        )
    except InvalidRequest as error:
        form.refuse(error)
        return _page(request, found, credential=form)
    messages.success(request, _("The credential is replaced. The old one is gone from here."))
    return to_account(request, found)


@require_safe
@in_workspace(Permission.VIEW_ACCOUNTS)
def period(request: DashboardRequest) -> HttpResponse:
    """A week with an active period that is not kept yet."""
    form = PeriodForm(request.GET)
    days: Sequence[account_pages.Day] = ()
    if form.is_valid():
        days = _week_of(form.cleaned_data)
    return render(request, "dashboard/accounts/_period.html", {"week": days})


def _week_of(given: dict[str, Any]) -> Sequence[account_pages.Day]:
    terms = Terms(label="preview", base_url="https://example.com", **given)
    try:
        settings.check(terms)
    except InvalidRequest:
        return ()
    return account_pages.week(terms, now=timezone.now())


# -------------------------------------------------------------------------------- deleting
@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_ACCOUNTS)
def delete(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Ask for the label, say what is lost, then delete."""
    found = account_of(request, family, account_id)
    form = DeleteForm(request.POST if request.method == "POST" else None, account=found)
    if request.method != "POST" or not form.is_valid():
        context = {"account": found, "form": form}
        status = 422 if form.is_bound else 200
        return render(request, "dashboard/accounts/delete.html", context, status=status)
    running = own.delete(**by(request), account_id=account_id)
    messages.success(request, _deleted(found.label, running))
    return to_family(request, family)


def _deleted(label: str, running: int) -> str:
    if not running:
        said = _("{label} is deleted, and its credential with it. The seat is free.")
        return said.format(label=label)
    said = ngettext(
        "{label} is deleted, and its credential with it. The seat is free."
        " {count} task ran there; what it makes is lost.",
        "{label} is deleted, and its credential with it. The seat is free."
        " {count} tasks ran there; what they make is lost.",
        running,
    )
    return said.format(label=label, count=running)
