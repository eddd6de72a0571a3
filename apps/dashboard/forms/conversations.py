"""Forms of conversations and assistants. What may be in them is the services' word."""

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.sentences import said
from apps.llm.services.conversations.extraction import KINDS
from apps.llm.services.conversations.preparing import GIZMO, Opening


class FileForm(forms.Form):
    """One file."""

    file = forms.FileField(
        label=_("File"),
        help_text=format_lazy(_("Up to 20 MB: {kinds}."), kinds=_(KINDS)),
        widget=forms.FileInput(
            attrs={"accept": ".txt,.md,.csv,.tsv,.json,.html,.htm,.pdf,.png,.jpg,.jpeg,.webp,.gif"}
        ),
    )

    def refuse(self, error: DomainError) -> None:
        """Say beside the field what the service said."""
        self.add_error("file", said(error.words))


class BeginForm(forms.Form):
    """Whom to talk to."""

    with_whom = forms.ChoiceField(label=_("Talk to"))

    def __init__(
        self, *args: Any, models: list[Any], assistants: list[Any], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        groups = [(gettext("Assistants"), assistants), (gettext("Models"), models)]
        self.fields["with_whom"].choices = [one for one in groups if one[1]]  # type: ignore[attr-defined]
        self._assistants = {value for value, _ in assistants}

    def opening(self) -> Opening:
        chosen: str = self.cleaned_data["with_whom"]
        return Opening(GIZMO, chosen) if chosen in self._assistants else Opening(chosen)


class AssistantForm(forms.Form):
    """A name, what it is told before every question, and the model that answers."""

    name = forms.CharField(label=_("Name"), max_length=100)
    model = forms.ChoiceField(label=_("Model"), help_text=_("The model that answers."))
    instructions = forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=20_000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_(
            "What it is told before every question: who it is, what it does, how it answers."
        ),
    )

    def __init__(self, *args: Any, models: list[Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["model"].choices = models  # type: ignore[attr-defined]

    def refuse(self, error: DomainError) -> None:
        """Say beside the field what the service said."""
        field = str((error.detail or {}).get("field", ""))
        self.add_error(field if field in self.fields else None, said(error.words))
