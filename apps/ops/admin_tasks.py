"""Tasks in the operator's console: found, explained, and with a reason retried, voided or refunded.

What customers put in and got out is not shown. Nothing is edited by hand: each action is one service.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from apps.accounts.models import Workspace
from apps.catalog import registry as catalog
from apps.core.errors import DomainError
from apps.core.money import format_usd, points_from_usd, usd
from apps.ops import task_story
from apps.providers import registry
from apps.tasks.models import FINAL, UNFINISHED, Status, Task, TaskEvent
from apps.tasks.services import operator

if TYPE_CHECKING:
    TaskPages = admin.ModelAdmin[Task]
    TaskPaginator = Paginator[Task]
else:  # generic for the type checker only
    TaskPages = admin.ModelAdmin
    TaskPaginator = Paginator

_MOST_COUNTED = 10_000
# Tasks that have ended are many and are indexed by workspace only; without one they are found by the newest changes.
_NEWEST_CHANGES = 100_000
_MOST_ENDED = 1_000


class Bounded(TaskPaginator):
    """Counts to ten thousand, so that a page costs the same however many tasks there are."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:_MOST_COUNTED].count())


# --------------------------------------------------------------------------------- filters
class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*Status.choices]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        # A search looks at everything; the list by itself at what is under way.
        yield {**first, "display": "All" if changelist.query else "Unfinished"}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        wanted, is_search = self.value(), bool(request.GET.get("q", "").strip())
        if wanted is None:
            return queryset if is_search else queryset.filter(status__in=UNFINISHED)
        found = queryset.filter(status=wanted)
        return found if is_search or wanted not in FINAL else found.filter(id__in=_ended(wanted))


def _ended(status: str) -> list[uuid.UUID]:
    """The tasks that came to this end among the newest changes."""
    newest = TaskEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    events = TaskEvent.objects.filter(id__gt=newest - _NEWEST_CHANGES, kind=status)
    return list(events.order_by("-id").values_list("task_id", flat=True)[:_MOST_ENDED])


class FamilyFilter(admin.SimpleListFilter):
    title = parameter_name = "family"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(catalog.families())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return queryset.filter(family=self.value()) if self.value() else queryset


class ProviderFilter(admin.SimpleListFilter):
    title = parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted({"local", *registry.names()})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


def _matching(term: str) -> Q:
    """A task's id; a workspace's slug; a customer's reference, faster with the slug before it."""
    try:
        return Q(id=uuid.UUID(term))
    except ValueError:
        pass
    slug, _, reference = term.partition(" ")
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        return Q(client_reference=term)
    mine = Q(workspace_id=workspace.pk)
    return mine & Q(client_reference=reference) if reference else mine


# --------------------------------------------------------------------------------- actions
class ReasonForm(forms.Form):
    attempt = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept for good, with the task and with the credits that move. Its customer may come to read it.",
    )


class RefundForm(ReasonForm):
    amount = forms.DecimalField(
        min_value=Decimal("0.0000001"), decimal_places=7, max_digits=16, label="Amount in US$"
    )

    field_order = ("amount", "reason")


@dataclass(frozen=True)
class Action:
    """What a person may do to a task: how it is called, what it does to work and money, and which service does it."""

    title: str
    effect: str
    done: str
    permissions: tuple[str, ...]
    form: type[ReasonForm]
    run: Callable[[Task, Any, dict[str, Any]], object]


def _retry(task: Task, actor: Any, given: dict[str, Any]) -> None:
    operator.retry(task_id=task.id, actor=actor, reason=given["reason"], attempt=given["attempt"])


def _void(task: Task, actor: Any, given: dict[str, Any]) -> None:
    operator.void(task_id=task.id, actor=actor, reason=given["reason"])


def _refund(task: Task, actor: Any, given: dict[str, Any]) -> None:
    operator.refund(
        task_id=task.id,
        actor=actor,
        reason=given["reason"],
        points=points_from_usd(given["amount"]),
    )


_CHANGE = ("tasks.change_task",)
ACTIONS = {
    "retry": Action(
        "Retry",
        "What is under way is given up and the task is tried anew, elsewhere if it can be. Its credits stay held. "
        "Work that a provider has accepted may still cost us.",
        "The task is tried anew.",
        _CHANGE,
        ReasonForm,
        _retry,
    ),
    "void": Action(
        "Void",
        "The task ends now as failed, and its held credits are given back. Its webhook is told. Work that a provider "
        "has accepted may still cost us.",
        "The task has ended and its credits are given back.",
        _CHANGE,
        ReasonForm,
        _void,
    ),
    "refund": Action(
        "Refund",
        "The customer gets credits back, once. The task stays completed and its result theirs; no webhook is sent.",
        "The credits are given back.",
        (*_CHANGE, "billing.add_creditentry"),
        RefundForm,
        _refund,
    ),
}


def _possible(request: HttpRequest, task: Task, refundable: int) -> dict[str, Action]:
    """The actions that make sense now and that this person may do. The services check the task again."""
    names = {
        "retry": task.status in (Status.PENDING, Status.PROCESSING),
        "void": not task.is_finished,
        "refund": task.status == Status.COMPLETED and refundable > 0,
    }
    return {
        name: ACTIONS[name]
        for name, makes_sense in names.items()
        if makes_sense and request.user.has_perms(ACTIONS[name].permissions)
    }


# ------------------------------------------------------------------------------------ pages
@admin.register(Task)
class TaskAdmin(TaskPages):
    list_display = (
        "id", "model", "task_type", "workspace", "status", "provider", "attempt", "price", "created_at", "ended_at",
    )  # fmt: skip
    list_filter = (StatusFilter, FamilyFilter, ProviderFilter)
    list_select_related = ("workspace",)
    list_per_page = 50
    # Named so that there is a search box; `get_search_results` says what it means.
    search_fields = ("id",)
    search_help_text = (
        "A task's id, a workspace's short name, a customer's reference, or both: acme order-17"
    )
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = Bounded
    ordering = ("-created_at", "-id")
    sortable_by = ()
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        return Task.objects.across_workspaces().defer("input", "output").order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        return (queryset.filter(_matching(term)) if term else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        # Nobody edits a task; `ACTIONS` asks for the permission itself.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        return False

    @admin.display(description="price")
    def price(self, obj: Task) -> str:
        return format_usd(obj.price_points)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [
            path("<uuid:task_id>/<str:name>/do/", view, name="tasks_task_act"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        task = self._task(request, object_id)
        story = task_story.story(task=task)
        context = {
            **self._context(request, task, title=f"Task {task.id}"),
            "story": story,
            "actions": _possible(request, task, story.refundable_points),
        }
        return render(request, "admin/tasks/task/detail.html", context)

    def act_view(self, request: HttpRequest, task_id: uuid.UUID, name: str) -> HttpResponse:
        """Asks for the reason, and then does it."""
        task, action = self._task(request, str(task_id)), ACTIONS.get(name)
        if action is None:
            raise Http404
        if not request.user.has_perms(action.permissions):
            raise PermissionDenied
        form = action.form(request.POST or None, initial=_initial(task))
        if request.method == "POST" and form.is_valid() and _done(request, task, action, form):
            return HttpResponseRedirect(reverse("admin:tasks_task_change", args=[task.id]))
        context = {
            **self._context(request, task, title=f"{action.title} task {task.id}"),
            "action": action,
            "form": form,
        }
        return render(request, "admin/tasks/task/act.html", context)

    def _task(self, request: HttpRequest, object_id: str) -> Task:
        task = self.get_object(request, object_id)
        if task is None:
            raise Http404
        if not self.has_view_permission(request, task):
            raise PermissionDenied
        return task

    def _context(self, request: HttpRequest, task: Task, *, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "task": task,
            "title": title,
        }


def _initial(task: Task) -> dict[str, Any]:
    return {"attempt": task.attempt, "amount": usd(task.cost_points)}


def _done(request: HttpRequest, task: Task, action: Action, form: ReasonForm) -> bool:
    try:
        action.run(task, request.user, form.cleaned_data)
    except DomainError as refused:
        form.add_error(None, refused.message)
        return False
    messages.success(request, action.done)
    return True
