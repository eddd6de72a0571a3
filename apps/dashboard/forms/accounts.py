"""Forms of own accounts. What an account may have is the service's word; here text becomes values.

The credential is typed in and never shown again: no form gives it back, whatever else was wrong.
"""

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.byoa.models import Account, Mode, Weight
from apps.byoa.services.terms import MIDJOURNEY, Terms
from apps.core.errors import InvalidRequest
from apps.dashboard.account_words import told
from apps.providers.base import Adapter

_TIME = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
_WEIGHTS = [
    (Weight.LOW, _("Low: 1 share of the tasks")),
    (Weight.MID, _("Mid: 2 shares")),
    (Weight.HIGH, _("High: 4 shares")),
]
_MODES = [
    (Mode.FAST, _("Fast: as each task asks, slow work when the fast hours are used up")),
    (Mode.RELAX, _("Relax: everything here runs slowly and uses no fast hours")),
]
# What an account has when nothing else was typed in.
_NEW = Terms(label="", base_url="")


class _Options(forms.JSONField):
    def prepare_value(self, value: Any) -> Any:
        return "" if value in (None, {}) else super().prepare_value(value)


class _Refusable(forms.Form):
    def refuse(self, error: InvalidRequest) -> None:
        """Show the service's refusal beside the field it is about."""
        field = str((error.detail or {}).get("field", ""))
        self.add_error(field if field in self.fields else None, told(error.words))


class TermsForm(_Refusable):
    """How an account is used. `family` decides which settings there are."""

    label = forms.CharField(
        label=_("Label"),
        max_length=100,
        help_text=_("Your name for it, such as the mail address that it has there."),
    )
    mode = forms.ChoiceField(label=_("Mode"), choices=_MODES, initial=Mode.FAST)
    weight = forms.ChoiceField(
        label=_("Weight"),
        choices=_WEIGHTS,
        initial=Weight.MID,
        help_text=_("Against your other accounts that can."),
    )
    slots = forms.IntegerField(
        label=_("Tasks at once"), required=False, min_value=1, max_value=10_000
    )
    daily_cap = forms.IntegerField(
        label=_("Tasks a day"),
        required=False,
        min_value=1,
        max_value=1_000_000_000,
        help_text=_("Days are UTC. Empty: as many as come."),
    )
    active_from = forms.TimeField(
        label=_("Active from"), required=False, widget=_TIME, help_text=_("Empty: all day.")
    )
    active_to = forms.TimeField(
        label=_("Active until"),
        required=False,
        widget=_TIME,
        help_text=_("Before the beginning: on the next day. Eight hours of rest a day are wise."),
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        initial="UTC",
        help_text=_("A name such as Europe/Berlin."),
    )
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=700, help_text=_("Words with commas between.")
    )
    config = _Options(
        label=_("Options of the connector, JSON"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono"}),
        help_text=_("Nothing secret: it is shown here again."),
    )

    period = ("active_from", "active_to", "time_zone")

    def __init__(self, *args: Any, family: str, **options: Any) -> None:
        super().__init__(*args, **options)
        if family != MIDJOURNEY:
            del self.fields["mode"]

    def clean_tags(self) -> tuple[str, ...]:
        tags = (tag.strip() for tag in self.cleaned_data["tags"].split(","))
        return tuple(dict.fromkeys(tag for tag in tags if tag))

    def clean_config(self) -> Any:
        given = self.cleaned_data["config"]
        return {} if given is None else given

    def values(self) -> dict[str, Any]:
        """The settings in the domain's words. Only after `is_valid`."""
        names = (name for name in Terms.__dataclass_fields__ if name in self.cleaned_data)
        found = {name: self.cleaned_data[name] for name in names}
        if found["slots"] is None:
            found["slots"] = _NEW.slots
        return found

    def part(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    @property
    def period_fields(self) -> list[forms.BoundField]:
        return self.part(self.period)

    @property
    def use_fields(self) -> list[forms.BoundField]:
        return self.part(("mode", "weight", "slots", "daily_cap"))


def shown(account: Account) -> dict[str, Any]:
    """What the settings of an account start with."""
    values = {name: getattr(account, name) for name in TermsForm.base_fields}
    return {**values, "tags": ", ".join(account.tags), "config": account.config}


def _secret(label: str, hint: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=8000,
        strip=True,
        help_text=hint,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
        ),
    )


def _address(hint: str, *, default: str, initial: str = "") -> forms.CharField:
    return forms.CharField(
        label=_("Address of the server"),
        max_length=2048,
        required=not default,
        initial=initial,
        help_text=hint,
        widget=forms.URLInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": default}
        ),
    )


# What the owner says before an account is connected, all four of them.
CONFIRMATIONS = (
    ("is_valid_there", gettext_noop("The account and its subscription there are valid and mine to use.")),
    ("may_do_this", gettext_noop("It is set up for this: it can reach what it needs there, such as Midjourney's bot.")),
    ("accepts_terms", gettext_noop("I accept the provider's terms, and I answer for what runs on it.")),
    ("stays_signed_in", gettext_noop("I do not sign it out or change its credential there without replacing it here.")),
)  # fmt: skip


class ConnectForm(TermsForm):
    """A new account: where it is, its credential, how it is used, and what its owner says of it."""

    is_backup = forms.BooleanField(
        label=_("Keep it as a backup"),
        required=False,
        help_text=_(
            "It takes nothing until no other account can; then all backups start, and stay. This cannot be"
            " changed later."
        ),
    )

    def __init__(self, *args: Any, family: str, adapter: Adapter, **options: Any) -> None:
        super().__init__(*args, family=family, **options)
        self.fields["base_url"] = _address(
            gettext(adapter.base_url_help), default=adapter.base_url_default
        )
        self.fields["credential"] = _secret(
            gettext(adapter.credential_label), gettext(adapter.credential_help)
        )
        self.fields["slots"].help_text = _("Empty: as many as the provider says, or 10.")
        for name, words in CONFIRMATIONS:
            self.fields[name] = forms.BooleanField(
                label=gettext(words),
                error_messages={"required": gettext("Needed before it can be connected.")},
            )

    def terms(self) -> Terms:
        """Only after `is_valid`."""
        return Terms(**self.values())

    @property
    def access_fields(self) -> list[forms.BoundField]:
        return self.part(("label", "base_url", "credential"))

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return self.part(("is_backup", "tags", "config"))

    @property
    def confirmations(self) -> list[forms.BoundField]:
        return self.part(tuple(name for name, _ in CONFIRMATIONS))


class SettingsForm(TermsForm):
    """An account's settings; its address goes with its credential."""

    def __init__(self, *args: Any, family: str, **options: Any) -> None:
        super().__init__(*args, family=family, **options)
        self.fields["slots"].required = True

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return self.part(("tags", "config"))


class CredentialForm(_Refusable):
    """Another credential, and another server if it is one of there."""

    def __init__(self, *args: Any, adapter: Adapter, base_url: str, **options: Any) -> None:
        super().__init__(*args, **options)
        default = adapter.base_url_default
        self.fields["base_url"] = _address(
            gettext(adapter.base_url_help),
            default=default,
            initial="" if base_url == default else base_url,
        )
        self.fields["credential"] = _secret(
            gettext(adapter.credential_label), gettext(adapter.credential_help)
        )


class PeriodForm(forms.Form):
    """An active period to look at before it is kept."""

    active_from = forms.TimeField(required=False)
    active_to = forms.TimeField(required=False)
    time_zone = forms.CharField(max_length=64)


class DeleteForm(forms.Form):
    """Asks for the account's label, since what is deleted cannot come back."""

    label = forms.CharField(
        max_length=100, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, account: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        self._wanted = account.label
        self.fields["label"].label = gettext("Type “{label}” to confirm").format(
            label=account.label
        )

    def clean_label(self) -> str:
        typed: str = self.cleaned_data["label"]
        if typed != self._wanted.strip():
            raise forms.ValidationError(gettext("That is another label."))
        return typed


class SeatsForm(forms.Form):
    """How many seats there shall be in all."""

    seats = forms.IntegerField(label=_("Seats in all"), min_value=0, max_value=1000)
