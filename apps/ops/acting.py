"""Pages of the console that nobody edits: what can be done to a row is a step with a form of its own, behind which
stands one service. The row's page offers the steps that make sense now; the service checks again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from apps.core.errors import DomainError

if TYPE_CHECKING:
    Pages = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    Pages = admin.ModelAdmin


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200, widget=forms.Textarea(attrs={"rows": 3}), help_text="Kept for good."
    )


@dataclass(frozen=True)
class Step:
    """`effect` says of a row what the step will do; `run` does it and may answer with a file. `may` is a permission."""

    title: str
    effect: Callable[[Any], str]
    done: str
    may: str
    makes_sense: Callable[[Any], bool]
    run: Callable[[Any, Any, dict[str, Any]], HttpResponse | None]
    form: type[forms.Form] = ReasonForm


class ActingAdmin(Pages):
    """Rows that are read, and changed by `steps` only. Set `tenant` where the model belongs to workspaces."""

    change_form_template = "admin/ops/acting.html"
    steps: ClassVar[Mapping[str, Step]] = {}
    tenant: ClassVar[bool] = True
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        if not self.tenant:
            return super().get_queryset(request)
        manager: Any = self.model._default_manager
        found: QuerySet[Any] = manager.across_workspaces()
        return found.order_by(*self.get_ordering(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Each step asks for its own permission.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.step_view)
        mine = path("<path:object_id>/<slug:name>/do/", view, name=f"{self._name}_do")
        return [mine, *super().get_urls()]

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        offered = [] if row is None else self._offered(request, row)
        context = {**(extra_context or {}), "steps": offered}
        return super().change_view(request, object_id, form_url, context)

    def _offered(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        return [
            (step.title, reverse(f"admin:{self._name}_do", args=[row.pk, name]))
            for name, step in self.steps.items()
            if step.makes_sense(row) and request.user.has_perm(step.may)
        ]

    def step_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Says what will happen, asks, and then does it."""
        row, step = self.get_object(request, object_id), self.steps.get(name)
        if row is None or step is None:
            raise Http404
        if not (self.has_view_permission(request, row) and request.user.has_perm(step.may)):
            raise PermissionDenied
        form = step.form(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            answer = _run(request, step, row, form)
            if answer is not None:
                self.log_change(request, row, step.title)
                return answer if answer.status_code == 200 else self._back(row)
        return self._page(request, step, row, form)

    def _back(self, row: Any) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{self._name}_change", args=[row.pk]))

    def _page(self, request: HttpRequest, step: Step, row: Any, form: forms.Form) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{step.title}: {row}",
            "row": row,
            "step": step,
            "effect": step.effect(row),
            "form": form,
            "list_url": reverse(f"admin:{self._name}_changelist"),
            "row_url": reverse(f"admin:{self._name}_change", args=[row.pk]),
        }
        return render(request, "admin/ops/act.html", context)


def _run(request: HttpRequest, step: Step, row: Any, form: forms.Form) -> HttpResponse | None:
    """A file, or 204 when it is done, or None when it was refused: the form says why."""
    try:
        answer = step.run(row, request.user, form.cleaned_data)
    except DomainError as refused:
        form.add_error(None, refused.message)
        return None
    if answer is not None:
        return answer
    messages.success(request, step.done)
    return HttpResponse(status=204)
