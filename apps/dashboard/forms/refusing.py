"""Forms that say what a service refuses."""

from django import forms

from apps.core.errors import DomainError
from apps.core.sentences import said


class RefusingForm(forms.Form):
    """Takes a service's refusal beside the field it is about."""

    def refuse(self, error: DomainError) -> None:
        name = self.beside(str((error.detail or {}).get("field", "")))
        self.add_error(name if name in self.fields else None, said(error.words))

    def beside(self, field: str) -> str:
        """What the service's `field` is called here. What no field shows is said above the form."""
        return field
