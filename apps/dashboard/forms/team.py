"""Forms of a workspace's people."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy, gettext_noop

from apps.accounts.models import Membership
from apps.accounts.services import members
from apps.dashboard.forms.refusing import RefusingForm

# What `Membership.Role` calls them, for whoever collects the texts that are translated.
_ROLE_WORDS = (
    gettext_noop("Owner"),
    gettext_noop("Admin"),
    gettext_noop("Developer"),
    gettext_noop("Billing"),
    gettext_noop("Viewer"),
)
_ROLES = [(role, gettext_lazy(Membership.Role(role).label)) for role in members.GIVEN_ROLES]


class InviteForm(RefusingForm):
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=_ROLES, initial=Membership.Role.DEVELOPER
    )


class RemoveForm(RefusingForm):
    keys = forms.ChoiceField(
        label=gettext_lazy("The keys this person made"),
        choices=[
            ("revoke", gettext_lazy("Revoke them: programs that use them stop within a second")),
            ("hand_over", gettext_lazy("Keep them working: they are yours from now on")),
        ],
        initial="revoke",
    )


if TYPE_CHECKING:
    MemberChoice = forms.ModelChoiceField[Membership]
else:  # generic for the type checker only
    MemberChoice = forms.ModelChoiceField


class MemberField(MemberChoice):
    def label_from_instance(self, obj: Membership) -> str:
        return obj.user.email


class TransferForm(RefusingForm):
    member = MemberField(label=gettext_lazy("New owner"), queryset=Membership.objects.none())

    def __init__(self, data: Any, *, others: QuerySet[Membership]) -> None:
        super().__init__(data)
        cast(MemberField, self.fields["member"]).queryset = others
