"""Accounts at providers in the operator's console. Credentials can be entered here and are never shown."""

from datetime import UTC
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now, TruncDay
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from apps.byoa.models import Account
from apps.byoa.services import accounts
from apps.byoa.services.terms import OPERATORS as NAMES
from apps.catalog import registry as catalog
from apps.core.errors import DomainError, InvalidRequest
from apps.providers import registry
from apps.providers.base import ProviderError
from apps.tasks.models import Attempt

if TYPE_CHECKING:
    AccountPages = admin.ModelAdmin[Account]
    AccountFields = forms.ModelForm[Account]
else:  # generic for the type checker only
    AccountPages = admin.ModelAdmin
    AccountFields = forms.ModelForm

_EVENTS = 30


class AccountForm(AccountFields):
    provider = forms.ChoiceField()
    families = forms.MultipleChoiceField(
        required=False, help_text="What it serves; nothing chosen means everything."
    )
    credential = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown. Empty keeps the one there is.",
    )

    class Meta:
        model = Account
        fields = ("provider", *NAMES)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["families"].choices = [(name, name) for name in sorted(catalog.families())]  # type: ignore[attr-defined]
        if "provider" in self.fields:
            self.fields["provider"].choices = [(name, name) for name in registry.names()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            try:
                self._check()
            except InvalidRequest as refused:
                name = (refused.detail or {}).get("field")
                words = refused.message.removeprefix(f"{name}: ")
                self.add_error(name if name in self.fields else None, words)
        return self.cleaned_data

    def _check(self) -> None:
        if self.instance._state.adding:
            accounts.checked_access(
                provider=self.cleaned_data["provider"],
                terms=self.terms(),
                credential=self.cleaned_data["credential"],
            )
            return
        # The instance has the form's values by now; what counts is what is stored.
        stored = Account.objects.across_workspaces().get(pk=self.instance.pk)
        accounts.check_change(account=stored, terms=self.terms(), credential=self.new_credential())

    def new_credential(self) -> str | None:
        return self.cleaned_data["credential"] or None

    def terms(self) -> accounts.Terms:
        values = {name: self.cleaned_data[name] for name in NAMES}
        if values["config"] is None:
            values["config"] = {}
        values["families"] = tuple(values["families"])
        values["tags"] = tuple(values["tags"] or ())
        return accounts.Terms(**values)


@admin.register(Account)
class AccountAdmin(AccountPages):
    form = AccountForm
    list_display = (
        "label", "provider", "weight", "state", "slots_in_use", "taken_today", "went_well_today", "base_url",
    )  # fmt: skip
    list_filter = ("provider", "status", "is_paused")
    search_fields = ("label", "base_url")
    actions = ("pause", "resume", "check_now")
    readonly_fields = ("state", "status_reason", "resume_at", "has_credential", "history")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """The operator's own; what customers connect is theirs."""
        return (
            Account.objects.across_workspaces()
            .filter(workspace=None)
            .annotate(
                now=Now(),
                in_use=Count("leases", filter=Q(leases__expires_at__gt=Now())),
                ended_today=_attempts(Q()),
                well_today=_attempts(Q(state=Attempt.State.SUCCEEDED)),
            )
        )

    def get_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        terms = ["provider", *NAMES, "credential"]
        return terms if obj is None else [*self.readonly_fields, *terms]

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        return () if obj is None else ("provider", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        values = {name: getattr(form.terms(), name) for name in NAMES}
        if change:
            accounts.change(account_id=obj.pk, credential=form.new_credential(), **values)
            return
        made = accounts.add_account(
            provider=form.cleaned_data["provider"],
            terms=form.terms(),
            credential=form.cleaned_data["credential"],
        )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Account) -> None:
        accounts.remove(account_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        for account in queryset:
            accounts.remove(account_id=account.pk)

    # ------------------------------------------------------------------------- columns
    @admin.display(ordering="status")
    def state(self, obj: Account) -> str:
        status = obj.get_status_display()
        return f"{status} (paused)" if obj.is_paused else status

    @admin.display(description="in use", ordering="in_use")
    def slots_in_use(self, obj: Any) -> str:
        return f"{obj.in_use} of {obj.slots}"

    @admin.display(description="taken today")
    def taken_today(self, obj: Any) -> str:
        taken = obj.day_count if obj.day == obj.now.date() else 0
        return f"{taken} of {obj.daily_cap}" if obj.daily_cap else str(taken)

    @admin.display(description="went well today")
    def went_well_today(self, obj: Any) -> str:
        return f"{obj.well_today} of {obj.ended_today}"

    @admin.display(boolean=True, description="credential")
    def has_credential(self, obj: Account) -> bool:
        return bool(obj.credential)

    @admin.display(description="history")
    def history(self, obj: Account) -> SafeString:
        newest = obj.events.order_by("-id")[:_EVENTS]
        rows = ((f"{one.created_at:%Y-%m-%d %H:%M:%S}", one.status, one.reason) for one in newest)
        return format_html_join("", "{} {} {}<br>", rows)

    # ------------------------------------------------------------------------- actions
    @admin.action(description="Pause: take no new tasks", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        for account in queryset:
            accounts.pause(account_id=account.pk)

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        for account in queryset:
            accounts.resume(account_id=account.pk)

    @admin.action(description="Check now", permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        for account in queryset:
            level, said = _checked(account.pk)
            self.message_user(request, f"{account.label}: {said}", level)


def _checked(account_id: int) -> tuple[int, str]:
    try:
        return messages.SUCCESS, accounts.check_now(account_id=account_id)
    except (ProviderError, DomainError) as error:
        return messages.ERROR, str(error)


def _attempts(which: Q) -> Coalesce:
    """How many attempts of the account ended today (UTC)."""
    midnight = TruncDay(Now(), tzinfo=UTC)
    ended = Attempt.objects.filter(which, account=OuterRef("pk"), ended_at__gte=midnight)
    counted = ended.order_by().values("account").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
