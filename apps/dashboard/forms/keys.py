"""The forms of API keys. What it may contain is the service's word; here text becomes values."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import ApiKey, Scope
from apps.accounts.services import KeyTerms
from apps.catalog.llm.registry import llm_model
from apps.catalog.registry import InvalidModel
from apps.core.money import points_from_usd
from apps.dashboard.forms import budgets
from apps.dashboard.forms.refusing import RefusingForm

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_SCOPE_WORDS = {
    Scope.TASKS: gettext_lazy("Tasks: run models and read results"),
    Scope.LLM: gettext_lazy("LLM: chat and text models"),
    Scope.ACCOUNT: gettext_lazy("Account: read balance and usage"),
    Scope.FILES: gettext_lazy("Files: upload inputs"),
}


_FIRST_YEAR_TOO_FAR = 2200


def _dollars(label: "StrOrPromise") -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=Decimal(0), max_digits=12, decimal_places=7
    )


class KeyForm(RefusingForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("One key per app, so that one can be revoked alone."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=list(_SCOPE_WORDS.items()),
        initial=list(_SCOPE_WORDS),
        widget=forms.CheckboxSelectMultiple,
    )
    allowed_networks = forms.CharField(
        label=gettext_lazy("Only from these addresses"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One address or range a line, such as 203.0.113.0/24. Empty: from everywhere."
        ),
    )
    cap_daily_usd = _dollars(gettext_lazy("At most per day, US$"))
    cap_monthly_usd = _dollars(gettext_lazy("At most per month, US$"))
    cap_total_usd = _dollars(gettext_lazy("At most in total, US$"))
    rate_limit_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests per minute"), required=False, min_value=1, max_value=1_000_000
    )
    tokens_per_minute = forms.IntegerField(
        label=gettext_lazy("Tokens per minute"),
        required=False,
        min_value=1,
        max_value=2_000_000_000,
        help_text=gettext_lazy("Of language models, read and written together."),
    )
    allowed_models = forms.CharField(
        label=gettext_lazy("Models it may call"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Of language models: one id a line, such as gpt-4o-mini. Empty: all of them."
        ),
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Last day it works"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=gettext_lazy("A day in UTC. Empty: it works until it is revoked."),
    )

    basic = ("name", "scopes")

    def clean_expires_on(self) -> date | None:
        day: date | None = self.cleaned_data["expires_on"]
        if day is not None and day.year >= _FIRST_YEAR_TOO_FAR:
            raise forms.ValidationError(_("Choose an earlier day, or leave it empty."))
        return day

    def clean_allowed_models(self) -> list[str]:
        names: list[str] = self.cleaned_data["allowed_models"].replace(",", " ").split()
        for name in names:
            try:
                llm_model(name)
            except InvalidModel:
                words = _("There is no language model {name}. The page Chat lists those there are.")
                raise forms.ValidationError(words.format(name=name[:100])) from None
        return names

    @property
    def limits(self) -> list[forms.BoundField]:
        """The fields that fold away."""
        return [field for field in self.visible_fields() if field.name not in self.basic]

    def terms(self) -> KeyTerms:
        """The wish in the domain's words. Only after `is_valid`."""
        values = self.cleaned_data
        return KeyTerms(
            name=values["name"],
            scopes=values["scopes"],
            allowed_networks=values["allowed_networks"].split(),
            cap_daily_points=_points(values["cap_daily_usd"]),
            cap_monthly_points=_points(values["cap_monthly_usd"]),
            cap_total_points=_points(values["cap_total_usd"]),
            rate_limit_per_minute=values["rate_limit_per_minute"],
            tokens_per_minute=values["tokens_per_minute"],
            allowed_models=values["allowed_models"],
            expires_at=_end_of(values["expires_on"]),
        )

    def beside(self, field: str) -> str:
        return "expires_on" if field == "expires_at" else field.replace("_points", "_usd")


def _points(usd: Decimal | None) -> int | None:
    return None if usd is None else points_from_usd(usd)


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)


def initial_of(key: ApiKey) -> dict[str, Any]:
    """What the form of an existing key starts with."""
    amounts = {name: shown for name, shown in budgets.shown(key).items() if name.endswith("_usd")}
    last = key.expires_at and (key.expires_at - timedelta(microseconds=1)).astimezone(UTC).date()
    return {
        "name": key.name,
        "scopes": key.scopes,
        "allowed_networks": "\n".join(key.allowed_networks),
        "rate_limit_per_minute": key.rate_limit_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "allowed_models": "\n".join(key.allowed_models),
        "expires_on": last,
        **amounts,
    }


class RotateForm(RefusingForm):
    """`seen` says which secret the person saw, so that a second click rotates nothing."""

    overlap = forms.ChoiceField(
        label=gettext_lazy("The old secret"),
        choices=[
            ("24h", gettext_lazy("works for 24 hours longer")),
            ("7d", gettext_lazy("works for 7 days longer")),
            ("1h", gettext_lazy("works for an hour longer")),
            ("0", gettext_lazy("stops now: choose this when it has leaked")),
        ],
    )
    seen = forms.CharField(max_length=4, widget=forms.HiddenInput)
