"""A form from a spec's JSON Schema, and its values back as the `input` of a task.

The form only turns text into JSON values; what is valid is the spec's word alone. So browser and API refuse the same
things in the same sentences.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import orjson
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalog.spec import TaskSpec
from apps.core import media
from apps.core.errors import DomainError
from apps.core.sentences import said

Schema = dict[str, Any]

FILE_SUFFIX = "__file"
# Stands for media that is not chosen yet, in the price and in the code beside the form.
_ANY_MEDIA = "https://example.com/your-file"
_ACCEPT = {"image": "image/*", "audio": "audio/*", "video": "video/*"}


class InputForm(forms.Form):
    """The fields of one spec, in the spec's order."""

    def __init__(self, *args: Any, spec: TaskSpec, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec
        schema = spec.input.model_json_schema()
        required = set(schema.get("required", ()))
        self._plans = {
            name: _plan(part, schema.get("$defs", {}), name in required)
            for name, part in schema.get("properties", {}).items()
        }
        for name, plan in self._plans.items():
            self._add(name, plan)

    def _add(self, name: str, plan: "_Plan") -> None:
        self.fields[name] = plan.field()
        if plan.media:
            self.fields[name + FILE_SUFFIX] = forms.FileField(
                required=False,
                label=_("{label}: choose a file").format(label=plan.label),
                widget=forms.FileInput(
                    attrs={
                        "accept": _ACCEPT[plan.media],
                        "data-max-bytes": media.MAX_INLINE_BYTES,
                    }
                ),
            )

    @property
    def first(self) -> list["Row"]:
        """What is always shown: required fields first."""
        rows = [row for row in self._rows() if not row.advanced]
        return sorted(rows, key=lambda row: not row.required)

    @property
    def advanced(self) -> list["Row"]:
        return [row for row in self._rows() if row.advanced]

    def _rows(self) -> Iterator["Row"]:
        for name, plan in self._plans.items():
            file = self[name + FILE_SUFFIX] if plan.media else None
            yield Row(self[name], file, plan.required, plan.advanced, plan.media)

    def clean(self) -> dict[str, Any]:
        super().clean()
        for name in self._plans:
            self._check_file(name)
        return self.cleaned_data

    def _check_file(self, name: str) -> None:
        file: UploadedFile[Any] | None = self.cleaned_data.get(name + FILE_SUFFIX)
        if file is not None and (file.size or 0) > media.MAX_INLINE_BYTES:
            limit = media.MAX_INLINE_BYTES // 1024 // 1024
            words = _("The file is larger than {limit} MB; give a URL instead.")
            self.add_error(name, words.format(limit=limit))

    def raw(self, *, for_price: bool = False) -> dict[str, Any]:
        """The `input` of a task: what was filled in, files as data URIs.

        `for_price`: media that is not there yet is stood in for, since a price is wanted before the picture.
        """
        values = {name: self.cleaned_data.get(name) for name in self._plans}
        for name, plan in self._plans.items():
            file = self.cleaned_data.get(name + FILE_SUFFIX)
            if file is not None:
                values[name] = _data_uri(file)
            elif for_price and plan.media and not values[name] and plan.required:
                values[name] = _ANY_MEDIA
        return {name: value for name, value in values.items() if value not in (None, "", [])}

    def refuse(self, error: DomainError) -> None:
        """Put each of the domain's sentences beside its field; what has none goes to the top."""
        problems = (error.detail or {}).get("errors") or [
            {"field": (error.detail or {}).get("field", ""), "message": error.words}
        ]
        for problem in problems:
            name = str(problem["field"]).removeprefix("input.").partition(".")[0]
            self.add_error(name if name in self._plans else None, said(problem["message"]))


@dataclass(frozen=True)
class Row:
    """One line of the form as templates draw it."""

    bound: forms.BoundField
    file: forms.BoundField | None
    required: bool
    advanced: bool
    media: str

    @property
    def slider(self) -> "Slider | None":
        """The range beside a number box, where the bounds are near enough to be dragged between."""
        return Slider.of(self.bound.field.widget.attrs)

    @property
    def is_chips(self) -> bool:
        return isinstance(self.bound.field.widget, forms.RadioSelect)


@dataclass(frozen=True)
class Slider:
    """A range input's bounds. Its step is a comfortable one; the box beside it takes every value."""

    low: float
    high: float
    step: float

    @classmethod
    def of(cls, attrs: Schema) -> "Slider | None":
        """For a number box with these attributes; None without both bounds, or with bounds far apart."""
        low, high = attrs.get("min"), attrs.get("max")
        if low is None or high is None or not 0 < high - low <= _WIDEST_SLIDER:
            return None
        step = attrs.get("step", "any")
        if step == "any":
            return cls(low, high, 10.0 ** math.floor(math.log10((high - low) / 20)))
        return cls(low, high, 8 if step == 1 and high - low > _FINE_SLIDER else step)


# Further apart, a pixel is more than anybody means; from the second number on, one by one is too slow.
_WIDEST_SLIDER = 10_000
_FINE_SLIDER = 400


@dataclass(frozen=True)
class _Plan:
    """What one property becomes."""

    label: str
    required: bool
    advanced: bool
    media: str
    field: Callable[[], forms.Field]


def _plan(part: Schema, definitions: dict[str, Schema], required: bool) -> _Plan:
    part = _plain(part)
    title, description = part.get("title") or "", part.get("description") or ""
    label = _(title)
    common: dict[str, Any] = {
        "label": label,
        # The browser marks it; whether it is really needed, the spec says.
        "required": False,
        "help_text": " ".join(filter(None, [_(description), _default(part)])),
        "initial": part.get("default"),
    }
    part = {**part, "x-required": required}

    def field() -> forms.Field:
        made = _field(part, common)
        if required and not isinstance(made, forms.BooleanField) and "x-media" not in part:
            made.widget.attrs["required"] = True
        return made

    return _Plan(label, required, bool(part.get("x-advanced")), part.get("x-media", ""), field)


def _default(part: Schema) -> str:
    """A sentence, where the value in the field may be another one: a form is often filled in."""
    default = part.get("default")
    is_plain = isinstance(default, int | float) and not isinstance(default, bool)
    is_worth_it = is_plain or ("enum" in part and default)
    return _("Default {value}.").format(value=default) if is_worth_it else ""


def _plain(part: Schema) -> Schema:
    """`X or null` as X: an empty field is null's form."""
    options = [option for option in part.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) != 1:
        return part
    rest = {name: value for name, value in part.items() if name != "anyOf"}
    return {**options[0], **rest}


def _field(part: Schema, common: dict[str, Any]) -> forms.Field:
    if "const" in part:
        part = {**part, "enum": [part["const"]]}
    if "enum" in part:
        return _choice(part, common)
    if part.get("x-media"):
        return _media(part, common)
    return _BY_TYPE.get(part.get("type", ""), _json)(part, common)


def _choice(part: Schema, common: dict[str, Any]) -> forms.Field:
    options = part["enum"]
    choices = [(str(option), str(option)) for option in options]
    is_few = len(options) <= _MOST_CHIPS and sum(len(text) for text, _ in choices) <= _CHIPS_LENGTH
    if common["initial"] is None and not (is_few and part["x-required"]):
        choices.insert(0, ("", _("Not set") if is_few else "–"))
    by_text = {str(option): option for option in options}
    return forms.TypedChoiceField(
        choices=choices,
        coerce=lambda text: by_text[text],
        empty_value=None,
        widget=forms.RadioSelect if is_few else forms.Select,
        **common,
    )


# What fits into a line as buttons; more is a list.
_MOST_CHIPS = 4
_CHIPS_LENGTH = 36


def _media(part: Schema, common: dict[str, Any]) -> forms.Field:
    return forms.CharField(
        max_length=part.get("maxLength"),
        widget=forms.TextInput(
            attrs={"inputmode": "url", "placeholder": "https://…", "spellcheck": "false"}
        ),
        **common,
    )


def _text(part: Schema, common: dict[str, Any]) -> forms.Field:
    is_long = bool(part.get("x-multiline"))
    widget = forms.Textarea(attrs={"rows": 3}) if is_long else forms.TextInput()
    # The spec strips nothing, so neither do we: a prompt may end in a line break.
    return forms.CharField(max_length=part.get("maxLength"), strip=False, widget=widget, **common)


def _number(part: Schema, common: dict[str, Any]) -> forms.Field:
    is_whole = part["type"] == "integer"
    kind = forms.IntegerField if is_whole else forms.FloatField
    step = part.get("multipleOf", 1 if is_whole else "any")
    attrs = {
        "step": step,
        "min": part.get("minimum", part.get("exclusiveMinimum")),
        "max": part.get("maximum", part.get("exclusiveMaximum")),
    }
    bounds = _bounds(attrs["min"], attrs["max"])
    common = common | {"help_text": " ".join(filter(None, [common["help_text"], bounds]))}
    shown = {name: value for name, value in attrs.items() if value is not None}
    return kind(widget=forms.NumberInput(attrs=shown), **common)


def _bounds(low: float | None, high: float | None) -> str:
    if low is None or high is None or low == -1:
        return ""
    if high >= 1_000_000:
        return ""
    return _("{low} to {high}.").format(low=f"{low:g}", high=f"{high:g}")


def _switch(part: Schema, common: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(**common)


class _JsonField(forms.JSONField):
    """Bad JSON is answered in our words; numbers and depth are the spec's to judge."""

    default_error_messages = {"invalid": gettext_lazy("This is not valid JSON.")}

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        try:
            found = orjson.loads(cast(str, value))
        except orjson.JSONDecodeError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None
        if b"\\u0000" in orjson.dumps(found):  # PostgreSQL cannot hold it
            raise forms.ValidationError(_("Null characters are not allowed."), code="invalid")
        return found

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


def _json(part: Schema, common: dict[str, Any]) -> forms.Field:
    shape = _("JSON: a list.") if part.get("type") == "array" else _("JSON: an object.")
    common = common | {
        "help_text": " ".join(filter(None, [common["help_text"], shape])),
        "initial": common["initial"] or None,
    }
    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"})
    return _JsonField(widget=widget, **common)


_BY_TYPE: dict[str, Callable[[Schema, dict[str, Any]], forms.Field]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": _switch,
}


def _data_uri(file: "UploadedFile[Any]") -> str:
    data = file.read()
    found = media.sniff(data)
    content_type = found.content_type if found else "application/octet-stream"
    return f"data:{content_type};base64,{b64encode(data).decode()}"
