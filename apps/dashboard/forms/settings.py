"""Forms of a workspace's name and address."""

from django import forms
from django.utils.translation import gettext_lazy

from apps.dashboard.forms.refusing import RefusingForm


class NewWorkspaceForm(RefusingForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)


class WorkspaceForm(NewWorkspaceForm):
    slug = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=50,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Stands in the address of each page. With another one, links to the old pages answer 404; "
            "keys, webhooks and the API go on as they are."
        ),
    )
