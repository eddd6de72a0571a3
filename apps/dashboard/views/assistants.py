"""Assistants: list, make, change, give files to, delete."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.policies import Permission
from apps.core.errors import DomainError, NotFound
from apps.dashboard import talk_models
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.conversations import AssistantForm, FileForm
from apps.dashboard.http import DashboardRequest, missing
from apps.llm.models import Assistant
from apps.llm.selectors import conversations as selectors
from apps.llm.services.conversations import assistants
from apps.llm.services.conversations.extraction import extracted


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def assistant_list(request: DashboardRequest) -> HttpResponse:
    """The workspace's assistants."""
    found = selectors.assistants(workspace_id=request.workspace.pk)
    return render(request, "dashboard/conversations/assistants.html", {"assistants": found})


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def assistant_create(request: DashboardRequest) -> HttpResponse:
    """The form of a new one."""
    form = _form(request)
    if request.method == "POST" and form.is_valid():
        try:
            made = assistants.create(identity=request.identity, terms=_terms(form))
        except DomainError as error:
            form.refuse(error)
        else:
            return _to(request, made.public_id)
    context = {"form": form, "assistant": None}
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/conversations/assistant.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def assistant(request: DashboardRequest, public_id: str) -> HttpResponse:
    """One of them: its terms in a form, its files."""
    found = _found(request, public_id)
    form = _form(request, found)
    if request.method == "POST" and form.is_valid():
        try:
            assistants.change(identity=request.identity, public_id=public_id, terms=_terms(form))
        except DomainError as error:
            form.refuse(error)
        else:
            return _to(request, public_id)
    return _page(request, found, form, FileForm(), status=422 if form.is_bound else 200)


@require_POST
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def assistant_file(request: DashboardRequest, public_id: str) -> HttpResponse:
    """Give it a file to know."""
    found = _found(request, public_id)
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            read = extracted(name=upload.name, data=upload.read())
            assistants.add_file(identity=request.identity, public_id=public_id, found=read)
        except DomainError as error:
            form.refuse(error)
        else:
            return _to(request, public_id)
    return _page(request, found, _terms_form(request, found), form, status=422)


@require_POST
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def assistant_file_remove(request: DashboardRequest, public_id: str, file_id: str) -> HttpResponse:
    """Take a file away from it."""
    try:
        assistants.remove_file(
            workspace_id=request.workspace.pk, public_id=public_id, file_id=file_id
        )
    except NotFound as error:
        missing(error)
    return _to(request, public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def assistant_delete(request: DashboardRequest, public_id: str) -> HttpResponse:
    """Ask, then remove it with its files."""
    found = _found(request, public_id)
    if request.method != "POST":
        return render(request, "dashboard/conversations/delete.html", {"assistant": found})
    assistants.delete(workspace_id=request.workspace.pk, public_id=public_id)
    return redirect("dashboard:assistants", slug=request.workspace.slug)


def _page(
    request: DashboardRequest,
    found: Assistant,
    form: AssistantForm,
    file_form: FileForm,
    *,
    status: int,
) -> HttpResponse:
    kept = selectors.assistant_files(workspace_id=request.workspace.pk, assistant_id=found.pk)
    context = {"assistant": found, "form": form, "file_form": file_form, "files": kept}
    return render(request, "dashboard/conversations/assistant.html", context, status=status)


def _form(request: DashboardRequest, found: Assistant | None = None) -> AssistantForm:
    if request.method != "POST":
        return _terms_form(request, found)
    return AssistantForm(request.POST, models=_models(request, found))


def _terms_form(request: DashboardRequest, found: Assistant | None) -> AssistantForm:
    initial = {}
    if found is not None:
        initial = {
            "name": found.name,
            "instructions": found.instructions,
            "model": found.model,
        }
    return AssistantForm(models=_models(request, found), initial=initial)


def _models(request: DashboardRequest, found: Assistant | None) -> list[talk_models.Choice]:
    """What would answer now, and what the assistant has even if that would not."""
    models = talk_models.talkers(identity=request.identity)
    choices = [(model.name, model.title) for model in models]
    if found is not None and found.model not in dict(choices):
        words = _("{model} (not available now)").format(model=found.model)
        choices.append((found.model, words))
    return choices


def _terms(form: AssistantForm) -> assistants.Terms:
    given = form.cleaned_data
    return assistants.Terms(given["name"], given["instructions"], given["model"])


def _to(request: DashboardRequest, public_id: str) -> HttpResponse:
    return redirect("dashboard:assistant", slug=request.workspace.slug, public_id=public_id)


def _found(request: DashboardRequest, public_id: str) -> Assistant:
    try:
        return selectors.assistant(workspace_id=request.workspace.pk, public_id=public_id)
    except NotFound as error:
        missing(error)
