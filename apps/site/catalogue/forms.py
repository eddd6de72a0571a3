"""The calculator's form: what, how often, and what of it changes the price."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.catalog.llm.model import LlmModel
from apps.catalog.spec import TaskSpec
from apps.core.errors import InvalidRequest
from apps.core.sentences import said
from apps.site.catalogue import levers, monthly, prices
from apps.site.catalogue.entries import Entry
from apps.site.catalogue.levers import Input, Lever
from apps.site.catalogue.monthly import Month

_MOST_CALLS = 1_000_000_000
_MOST_AT_ONCE = 100_000
_PREFIX = "p_"
# By rate: the field, its label, the first value and the most.
_USES = {
    "input": ("input_tokens", gettext_noop("Tokens read by a call"), 1000, 100_000_000),
    "cached_input": ("cached_tokens", gettext_noop("Of these, from a cache"), 0, 100_000_000),
    "output": ("output_tokens", gettext_noop("Tokens written by a call"), 500, 100_000_000),
    "character": ("characters", gettext_noop("Characters of a call"), 1000, 100_000_000),
    "minute": ("minutes", gettext_noop("Minutes of a recording"), 5, 100_000),
    "image": ("images", gettext_noop("Pictures of a call"), 1, 1000),
    "request": ("images", gettext_noop("Pictures of an answer"), 1, 1000),
}


class Calculator(forms.Form):
    """One model's calculator. What the query string does not say has its first value."""

    def __init__(self, data: Mapping[str, str], *, entry: Entry) -> None:
        self.entry = entry
        self.levers: tuple[Lever, ...] = ()
        fields = self._fields()
        super().__init__(
            {name: data.get(name) or field.initial for name, field in fields.items()},
            auto_id="calc_%s",
        )
        self.fields.update(fields)

    def _fields(self) -> dict[str, forms.Field]:
        fields: dict[str, forms.Field] = {
            "count": _number(_("Calls a month"), 1000, 1, _MOST_CALLS)
        }
        thing = self.entry.thing
        if isinstance(thing, TaskSpec):
            self.levers = levers.levers(thing.name)
            fields |= {f"{_PREFIX}{one.name}": _lever_field(one) for one in self.levers}
            fields["at_once"] = _number(_("At once, at the busiest"), 1, 1, _MOST_AT_ONCE)
            return fields
        return fields | _use_fields(thing)

    @property
    def is_guess(self) -> bool:
        """No input could be made up, so nothing can be computed."""
        thing = self.entry.thing
        return isinstance(thing, TaskSpec) and levers.base_input(thing.name) is None

    def month(self) -> Month | None:
        """The result; None, with an error on the form, where what was chosen does not go together."""
        if not self.is_valid():
            return None
        thing, count = self.entry.thing, self.cleaned_data["count"]
        if isinstance(thing, LlmModel):
            used = {name: value for name, value in self.cleaned_data.items() if name != "count"}
            return monthly.of_llm(model=thing, usage=monthly.usage_of(used), count=count)
        try:
            return monthly.of_task(
                spec=thing,
                raw=self._input(thing),
                count=count,
                at_once=self.cleaned_data["at_once"],
            )
        except InvalidRequest as error:
            self._refuse(error)
            return None

    def _refuse(self, error: InvalidRequest) -> None:
        """Put the spec's sentence beside its field; what has none here goes to the top."""
        first = (error.detail or {})["errors"][0]
        name = _PREFIX + str(first["field"]).removeprefix("input.")
        self.add_error(name if name in self.fields else None, said(first["message"]))

    def _input(self, spec: TaskSpec) -> Input:
        base = levers.base_input(spec.name) or {}
        chosen = {one.name: self._chosen(one) for one in self.levers}
        return {**base, **{name: value for name, value in chosen.items() if value is not None}}

    def _chosen(self, lever: Lever) -> Any:
        given = self.cleaned_data[f"{_PREFIX}{lever.name}"]
        if lever.choices:
            return {str(choice): choice for choice in lever.choices}.get(given)
        return lever.value(given)


def _number(label: str, first: int, low: int, high: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        initial=str(first),
        min_value=low,
        max_value=high,
        error_messages={
            "invalid": _("Give a whole number."),
            "required": _("Give a whole number."),
            "min_value": _("Give {number} or more.").format(number=f"{low:,}"),
            "max_value": _("Give {number} or less.").format(number=f"{high:,}"),
        },
    )


def _lever_field(lever: Lever) -> forms.Field:
    if not lever.choices:
        return _number(lever.label, lever.default, lever.low, lever.high)
    words = {True: _("yes"), False: _("no")}
    choices = [
        (str(one), words[one] if isinstance(one, bool) else str(one)) for one in lever.choices
    ]
    is_optional = lever.default is None
    if is_optional:
        choices.insert(0, ("", _("not given")))
    return forms.ChoiceField(
        label=lever.label,
        choices=choices,
        required=not is_optional,
        initial=None if is_optional else str(lever.default),
        error_messages={"invalid_choice": _("Choose one of the list.")},
    )


def _use_fields(model: LlmModel) -> dict[str, forms.Field]:
    price = prices.llm_price(model)
    rates = price.rates if price else {}
    return {
        name: _number(_(label), first, 0, most)
        for rate, (name, label, first, most) in _USES.items()
        if rate in rates and not (rate == "request" and "request_without_image" not in rates)
    }
