"""Trying a model: a form from its schema, the price before the click, the result beside it."""

import uuid
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import replace_url, reswap, retarget, trigger_client_event

from apps.accounts.policies import Permission
from apps.catalog import registry
from apps.catalog.pricing import Quote
from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.core.sentences import said
from apps.dashboard import (
    play_entries,
    play_history,
    play_progress,
    play_result,
    playground,
    snippets,
)
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.json_input import written
from apps.dashboard.forms.schema import InputForm
from apps.dashboard.http import DashboardRequest, allowed, missing, money_of
from apps.dashboard.play_entries import Entry
from apps.dashboard.views.tasks import preview_context
from apps.files.models import StoredFile
from apps.tasks import selectors
from apps.tasks.models import Task
from apps.tasks.services import penalties
from apps.tasks.services.create import create_task
from apps.tasks.services.request import TaskRequest, prepare

_HISTORY = "play-history"


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def play_any(request: DashboardRequest) -> HttpResponse:
    """The model that the picker asks for, or the one a newcomer should see."""
    model, _, task_type = request.GET.get("spec", "").partition(" ")
    spec = registry.all_specs().get((model, task_type)) or playground.first_task()
    if spec is None:
        return redirect("dashboard:models", slug=request.workspace.slug)
    return redirect(_url(request, spec))


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def play(request: DashboardRequest, model: str, task_type: str) -> HttpResponse:
    """The form of one model; POST runs it.

    `?task=` shows a task of this model beside the form, filled in from it; `?from=` only fills in the form; other names
    fill in the fields of theirs.
    """
    spec = _spec(model, task_type)
    if request.method == "POST":
        return _run(request, spec)
    if request.htmx and request.htmx.target == _HISTORY:
        return render(request, "dashboard/play/_history.html", _history(request, spec))
    earlier = _earlier(request, spec, "task")
    pattern = earlier or _earlier(request, spec, "from")
    initial = pattern.input if pattern else {**spec.example, **_asked(request, spec)}
    return _page(request, spec, InputForm(spec=spec, initial=initial), task=earlier)


def _run(request: DashboardRequest, spec: TaskSpec) -> HttpResponse:
    form = play_entries.sent(request, spec)
    if not form.is_valid():
        return _refused(request, spec, form)
    wanted = TaskRequest(model=spec.model, task_type=spec.task_type, input=form.raw())
    try:
        task = create_task(identity=request.identity, request=wanted).task
    except InvalidRequest as error:
        form.refuse(error)
        return _refused(request, spec, form)
    except DomainError as error:
        return _refused(request, spec, form, error)
    here = f"{_url(request, spec)}?task={task.id}"
    if not request.htmx:
        return redirect(here)
    answer = render(request, "dashboard/play/_preview.html", _preview(request, task))
    return trigger_client_event(replace_url(answer, here), "play-started")


def _refused(
    request: DashboardRequest, spec: TaskSpec, form: Entry, error: DomainError | None = None
) -> HttpResponse:
    """The form again with what was wrong. htmx had the result's place in mind: it gets the form's."""
    if not request.htmx:
        return _page(request, spec, form, error=error, status=422)
    context = _form_context(request, spec, form, error)
    answer = render(request, "dashboard/play/_form.html", context, status=422)
    return reswap(retarget(answer, "#play-form"), "outerHTML")


def _page(
    request: DashboardRequest,
    spec: TaskSpec,
    form: Entry,
    *,
    task: Task | None = None,
    error: DomainError | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _form_context(request, spec, form, error)
    context["listed"] = playground.listed(identity=request.identity)
    context |= _history(request, spec)
    if task is not None:
        context |= _preview(request, task)
    return render(request, "dashboard/play/page.html", context, status=status)


def _history(request: DashboardRequest, spec: TaskSpec) -> dict[str, object]:
    found = play_history.history(request, model=spec.model, task_type=spec.task_type)
    return {"spec": spec, "history": found}


def _preview(request: DashboardRequest, task: Task) -> dict[str, object]:
    """The result's place: state, money, how far it is, what came out, what can be done with it."""
    context = preview_context(request, task)
    first_file = context["files_until"]
    is_gone = isinstance(first_file, StoredFile) and first_file.deleted_at is not None
    return {
        **context,
        "progress": play_progress.progress(task),
        "actions": [] if is_gone else play_result.actions(task, identity=request.identity),
    }


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def preview(request: DashboardRequest, task_id: uuid.UUID) -> HttpResponse:
    """The result's place of one task, as the page asks for it while it runs; the page for everybody else."""
    task = _task(request, task_id)
    if not request.htmx:
        return redirect("dashboard:task", slug=request.workspace.slug, task_id=task.id)
    return render(request, "dashboard/play/_preview.html", _preview(request, task))


def _form_context(
    request: DashboardRequest, spec: TaskSpec, form: Entry, error: DomainError | None
) -> dict[str, object]:
    one = playground.listed_one(spec=spec, identity=request.identity)
    is_open = one.is_available and not one.needs_plan and request.workspace.is_enabled
    return {
        "spec": spec,
        "one": one,
        "can_run": is_open and allowed(request, Permission.RUN_TASKS),
        "schema": written(spec.input.model_json_schema()) if play_entries.is_json(form) else "",
        "form": form,
        "tab": play_entries.tab_of(form),
        "refusal": error,
        "refusal_words": said(error.words) if error else "",
        **_price(request, spec, form),
    }


@require_POST
@in_workspace(Permission.VIEW_CONTENT)
def quote(request: DashboardRequest, model: str, task_type: str) -> HttpResponse:
    """The price of what is in the form now, and the same call as code. Reads only."""
    spec = _spec(model, task_type)
    form = play_entries.sent(request, spec)
    form.is_valid()
    context = {
        "spec": spec,
        "form": form,
        "tab": play_entries.tab_of(form),
        "one": playground.listed_one(spec=spec, identity=request.identity),
    }
    return render(request, "dashboard/play/_quote.html", context | _price(request, spec, form))


@require_POST
@in_workspace(Permission.VIEW_CONTENT)
def turn(request: DashboardRequest, model: str, task_type: str) -> HttpResponse:
    """What is written so far, as fields or as JSON (`to`). Runs and keeps nothing; a chosen file stays behind."""
    spec = _spec(model, task_type)
    entry = play_entries.sent(request, spec)
    form = play_entries.turned(entry, to=request.POST.get("to", ""))
    status = 422 if form is entry and not entry.is_valid() else 200
    if not request.htmx:
        return _page(request, spec, form, status=status)
    context = _form_context(request, spec, form, None)
    return render(request, "dashboard/play/_form.html", context, status=status)


@dataclass(frozen=True)
class _Price:
    """A quote beside the balance it would leave."""

    quote: Quote
    available: int
    held: int

    @property
    def after(self) -> int:
        return self.available - self.quote.points

    @property
    def is_affordable(self) -> bool:
        return self.after >= 0


def _price(request: DashboardRequest, spec: TaskSpec, form: Entry) -> dict[str, object]:
    """`price`, None while the form is not complete, and `code` for what is filled in so far."""
    bound = play_entries.priced(form)
    bound.is_valid()
    raw = bound.raw(for_price=True)
    code = snippets.create_task(model=spec.model, task_type=spec.task_type, input=raw)
    if bound.errors:  # a field that says nothing would be priced as its default
        return {"code": code, "price": None}
    wanted = TaskRequest(model=spec.model, task_type=spec.task_type, input=raw)
    try:
        prepared = prepare(identity=request.identity, request=wanted)
    except DomainError:
        return {"code": code, "price": None}
    wallet = money_of(request).wallet
    quote = penalties.expected(identity=request.identity, prepared=prepared)
    return {"code": code, "price": _Price(quote, wallet.available, wallet.held)}


def _asked(request: DashboardRequest, spec: TaskSpec) -> dict[str, str]:
    """Values of the query string for fields of the form; what makes no sense is found when it is sent."""
    return {name: value for name in spec.input.model_fields if (value := request.GET.get(name, ""))}


def _earlier(request: DashboardRequest, spec: TaskSpec, name: str) -> Task | None:
    """The task of this model that the query string names; None where it names none."""
    wanted = request.GET.get(name, "")
    if not wanted:
        return None
    try:
        task = _task(request, uuid.UUID(wanted))
    except ValueError as error:
        missing(error)
    if (task.model, task.task_type) != spec.name:
        raise Http404("The task is of another model.")
    return task


def _task(request: DashboardRequest, task_id: uuid.UUID) -> Task:
    try:
        return selectors.task(workspace_id=request.workspace.pk, task_id=task_id)
    except NotFound as error:
        missing(error)


def _spec(model: str, task_type: str) -> TaskSpec:
    try:
        return registry.spec_of(model, task_type)
    except DomainError as error:
        missing(error)


def _url(request: DashboardRequest, spec: TaskSpec) -> str:
    names = {"slug": request.workspace.slug, "model": spec.model, "task_type": spec.task_type}
    return reverse("dashboard:play", kwargs=names)
