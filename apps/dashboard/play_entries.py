"""The two ways of writing an input, fields and JSON, and the way from one to the other."""

from collections.abc import Mapping
from typing import Any

from apps.catalog.spec import TaskSpec
from apps.dashboard.forms.json_input import JsonForm
from apps.dashboard.forms.schema import InputForm
from apps.dashboard.http import DashboardRequest

Entry = InputForm | JsonForm

FIELDS, JSON = "form", "json"


def sent(request: DashboardRequest, spec: TaskSpec) -> Entry:
    """What the browser sent, in whichever of the two it was written."""
    if request.POST.get("tab") == JSON:
        return JsonForm(request.POST, spec=spec)
    return InputForm(request.POST, request.FILES, spec=spec)


def turned(entry: Entry, *, to: str) -> Entry:
    """The same values written the other way; the entry itself where it cannot be read or is written so already.

    What JSON says beyond the fields is left behind.
    """
    is_valid = entry.is_valid()
    if to == tab_of(entry) or to not in (FIELDS, JSON):
        return entry
    if isinstance(entry, InputForm):
        return JsonForm.of(entry.raw(), spec=entry.spec) if is_valid else entry
    # What the spec refuses is said beside the fields when it is run; what is no JSON cannot be filled in.
    return InputForm(initial=entry.raw(), spec=entry.spec) if entry.is_readable else entry


def is_json(entry: Entry) -> bool:
    return isinstance(entry, JsonForm)


def tab_of(entry: Entry) -> str:
    """The name of the way it is written."""
    return JSON if is_json(entry) else FIELDS


def priced(entry: Entry) -> Entry:
    """The entry with values that can be asked for: the first values of a form as a browser would send them."""
    if isinstance(entry, JsonForm) or entry.is_bound:
        return entry
    return InputForm(_as_data(entry), spec=entry.spec)


def _as_data(form: InputForm) -> Mapping[str, Any]:
    values = {bound.name: bound.value() for bound in form}
    return {name: value for name, value in values.items() if value not in (None, "", False)}
