"""Plans and subscriptions in the operator's console.

A plan's terms are never edited: a new version is added, after a look at who is on which. Subscriptions are as Stripe
has them and only read here. A plan given by hand needs a reason and is kept in the workspace's audit trail.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from apps.accounts import plans
from apps.accounts.models import Plan, PlanVersion, User, Workspace
from apps.accounts.policies import PLAN_TERMS, Feature, PlanTerms
from apps.billing.models import Seats, Subscription
from apps.billing.services.subscriptions import by_hand
from apps.core.errors import DomainError, InvalidRequest
from apps.core.money import format_usd, points_from_usd, usd

if TYPE_CHECKING:
    PlanVersionPages = admin.ModelAdmin[PlanVersion]
    PlanVersionFields = forms.ModelForm[PlanVersion]
    SubscriptionPages = admin.ModelAdmin[Subscription]
else:  # generic for the type checker only
    PlanVersionPages = SubscriptionPages = admin.ModelAdmin
    PlanVersionFields = forms.ModelForm

_COUNTS = ("share", "concurrent_tasks", "staged_tasks", "retention_days", "referral_cap")


class VersionForm(PlanVersionFields):
    price = forms.DecimalField(label="Price a month, US$", decimal_places=2, max_digits=9)
    monthly_credits = forms.DecimalField(
        label="Credits that come with the month, US$", decimal_places=2, max_digits=9
    )
    features = forms.MultipleChoiceField(
        required=False,
        choices=[(feature.value, feature.value) for feature in Feature],
        widget=forms.CheckboxSelectMultiple,
    )
    note = forms.CharField(max_length=200, help_text="What changes and why.")

    class Meta:
        model = PlanVersion
        fields = ("plan", *_COUNTS, "features", "note")

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            try:
                plans.check(plan=self.cleaned_data["plan"], terms=self.terms(), note="checked")
            except InvalidRequest as refused:
                name = str((refused.detail or {}).get("field", ""))
                words = refused.message.removeprefix(f"{name}: ")
                shown = {"price_points": "price", "monthly_credit_points": "monthly_credits"}
                name = shown.get(name, name)
                self.add_error(name if name in self.fields else None, words)
        return self.cleaned_data

    def terms(self) -> PlanTerms:
        values = self.cleaned_data
        return PlanTerms(
            rank=PLAN_TERMS[values["plan"]].rank,
            price_points=points_from_usd(values["price"]),
            monthly_credit_points=points_from_usd(values["monthly_credits"]),
            features=frozenset(values["features"]),
            **{name: values[name] for name in _COUNTS},
        )


@admin.register(PlanVersion)
class PlanVersionAdmin(PlanVersionPages):
    form = VersionForm
    add_form_template = "admin/ops/plan_version_add.html"
    list_display = (
        "plan", "version", "price_usd", "credits_usd", "concurrent_tasks", "staged_tasks", "retention_days",
        "subscribers", "created_at", "created_by",
    )  # fmt: skip
    list_filter = ("plan",)
    ordering = ("plan", "-version")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The plan as it is sold today, so that a version is a change of it."""
        asked = request.GET.get("plan", "")
        plan = asked if asked in Plan.values else Plan.DEVELOPER.value
        terms = plans.newest_terms(plan=plan)
        counts = {name: getattr(terms, name) for name in _COUNTS}
        return {
            "plan": plan,
            "price": usd(terms.price_points),
            "monthly_credits": usd(terms.monthly_credit_points),
            "features": sorted(terms.features),
            **counts,
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return super().add_view(request, form_url, {**(extra_context or {}), "on_plans": _people()})

    def save_model(self, request: HttpRequest, obj: PlanVersion, form: Any, change: bool) -> None:
        made = plans.publish(
            plan=form.cleaned_data["plan"],
            terms=form.terms(),
            actor=_actor(request),
            note=form.cleaned_data["note"],
        )
        # The page goes on with the row it made.
        obj.pk, obj.version = made.pk, made.version

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return False

    @admin.display(description="price a month", ordering="price_points")
    def price_usd(self, obj: PlanVersion) -> str:
        return format_usd(obj.price_points)

    @admin.display(description="credits a month")
    def credits_usd(self, obj: PlanVersion) -> str:
        return format_usd(obj.monthly_credit_points)

    @admin.display(description="workspaces that bought it")
    def subscribers(self, obj: PlanVersion) -> int:
        return Workspace.objects.filter(plan_version=obj).count()


def _people() -> list[dict[str, Any]]:
    """Who is on which version, and who moves with the next one."""
    counted = Workspace.objects.values("plan").annotate(
        moving=Count("pk", filter=Q(plan_version=None)),
        keeping=Count("pk", filter=Q(plan_version__isnull=False)),
    )
    by_plan: dict[str, Any] = {row["plan"]: row for row in counted}
    return [
        {
            "name": plan.label,
            "moving": by_plan.get(plan, {}).get("moving", 0),
            "keeping": by_plan.get(plan, {}).get("keeping", 0),
        }
        for plan in Plan
    ]


@admin.register(Subscription)
class SubscriptionAdmin(SubscriptionPages):
    list_display = (
        "workspace", "plan_version", "state", "period_ends_at", "next_version", "cancels_at_period_end",
        "past_due_since", "dunned_day",
    )  # fmt: skip
    list_filter = ("state", "plan_version__plan")
    search_fields = ("workspace__slug", "ref")
    list_select_related = ("workspace", "plan_version", "next_version")
    exclude = ("pay_url",)
    # Not an inline: a formset asks the manager for rows of every workspace, which it refuses.
    readonly_fields = ("rented_seats",)

    @admin.display(description="seats")
    def rented_seats(self, obj: Subscription) -> str:
        found = Seats.objects.of(obj.workspace_id).filter(subscription=obj).order_by("family")
        return ", ".join(map(_seats, found)) or "none"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Subscription.objects.across_workspaces()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _seats(one: Seats) -> str:
    then = "" if one.next_quantity is None else f", then {one.next_quantity}"
    return f"{one.family} {one.quantity}{then}"


# ----------------------------------------------------------------------- a plan by hand
class GivePlanForm(forms.Form):
    plan = forms.ChoiceField(choices=Plan.choices)
    reason = forms.CharField(
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept for good in the workspace's audit trail. Its owners may come to read it.",
    )


def give_plan(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """The page behind "Give a plan" of a workspace."""
    pages = admin.site._registry[Workspace]
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        raise Http404("There is no such workspace.")
    if not pages.has_change_permission(request, workspace):
        raise PermissionDenied
    form = GivePlanForm(request.POST or None, initial={"plan": workspace.plan})
    if request.method == "POST" and form.is_valid() and _given(request, workspace, form):
        page = reverse("admin:accounts_workspace_change", args=[workspace.pk])
        return HttpResponseRedirect(page)
    context = {
        **admin.site.each_context(request),
        "title": f"Give {workspace.slug} a plan",
        "form": form,
        "target": workspace,
        "opts": Workspace._meta,
    }
    return render(request, "admin/ops/give_plan.html", context)


def _given(request: HttpRequest, workspace: Workspace, form: GivePlanForm) -> bool:
    try:
        by_hand.give_plan(
            workspace_id=workspace.pk,
            plan=form.cleaned_data["plan"],
            reason=form.cleaned_data["reason"],
            actor=_actor(request),
        )
    except DomainError as error:
        form.add_error(None, error.message)
        return False
    messages.success(request, f"{workspace.slug} is on {form.cleaned_data['plan']} now.")
    return True


def _actor(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
