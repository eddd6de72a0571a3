"""The input of a task as JSON text: the same values as `InputForm`'s, for who would rather write them."""

from dataclasses import dataclass
from typing import Any

import orjson
from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError, InvalidRequest
from apps.core.sentences import said


@dataclass(frozen=True)
class Problem:
    """What is wrong and where: `path` such as `elements.0.image_url`, or a line and a column; "" is the whole."""

    path: str
    message: str


class JsonForm(forms.Form):
    """One text. `problems` are all that the spec finds in it, each with its path."""

    input_json = forms.CharField(
        label=gettext_lazy("Input as JSON"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 16,
                "spellcheck": "false",
                "autocomplete": "off",
                "aria-describedby": "json-problems json-help",
            }
        ),
    )

    def __init__(self, *args: Any, spec: TaskSpec, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec
        self.problems: list[Problem] = []
        self.is_readable = False
        self._values: dict[str, Any] = {}

    @classmethod
    def of(cls, values: dict[str, Any], *, spec: TaskSpec) -> "JsonForm":
        """A form that holds these values."""
        return cls({"input_json": written(values)}, spec=spec)

    def clean_input_json(self) -> str:
        text: str = self.cleaned_data["input_json"]
        self._values = self._parsed(text)
        if not self.problems:
            self._check()
        if self.problems:
            raise forms.ValidationError(
                _("The input is not complete or not valid."), code="invalid"
            )
        return text

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            found = orjson.loads(text.strip() or "{}")
        except orjson.JSONDecodeError as error:
            where = _("line {line}, column {column}").format(line=error.lineno, column=error.colno)
            self.problems.append(Problem(where, _("This is not valid JSON from here on.")))
            return {}
        if not isinstance(found, dict):
            self.problems.append(Problem("", _("The input is a JSON object, such as {}.")))
            return {}
        if b"\\u0000" in orjson.dumps(found):  # PostgreSQL cannot hold it
            self.problems.append(Problem("", _("Null characters are not allowed.")))
            return {}
        self.is_readable = True
        return found

    def _check(self) -> None:
        try:
            self.spec.parse(self._values)
        except InvalidRequest as error:
            self.problems += _of(error)

    def raw(self, *, for_price: bool = False) -> dict[str, Any]:
        """The `input` of a task, as it was written; {} when it is not JSON. Nothing is made up for a price."""
        return self._values

    def refuse(self, error: DomainError) -> None:
        """Add what the domain says beyond the spec."""
        self.problems += _of(error)
        self.add_error("input_json", said(error.words))

    @property
    def unknown(self) -> list[str]:
        """Names that this model has no field for: they are ignored, so somebody has mistyped them."""
        return sorted(set(self._values) - set(self.spec.input.model_fields))[:20]

    @property
    def unknown_names(self) -> SafeString:
        """The same for a sentence."""
        names = ((Truncator(name).chars(60),) for name in self.unknown)
        return format_html_join(", ", "<code>{}</code>", names)


def written(values: dict[str, Any]) -> str:
    """Values as text that people edit."""
    return orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()


def _of(error: DomainError) -> list[Problem]:
    detail = error.detail or {}
    found = detail.get("errors") or [{"field": detail.get("field", ""), "message": error.words}]
    return [Problem(_path(str(one["field"])), said(one["message"])) for one in found]


def _path(field: str) -> str:
    return "" if field == "input" else field.removeprefix("input.")
