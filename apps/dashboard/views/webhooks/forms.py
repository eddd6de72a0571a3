"""What people write about an endpoint, which deliveries they look for, and what they send again."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.webhook_urls import MAX_LENGTH
from apps.notifications.events import ENDPOINT_ACCOUNT_EVENTS, EVENTS, TASK_EVENTS
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.selectors import listening
from apps.notifications.services import replay_runs
from apps.notifications.services.endpoints import Terms

_ENDED_TASKS = ["task.completed", "task.failed", "task.cancelled"]
_LONGEST = timedelta(days=30)


class EndpointForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=MAX_LENGTH,
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("An http or https address on port 80 or 443."),
    )
    description = forms.CharField(
        label=_("What it is"), required=False, max_length=100, help_text=_("For you: “Shop, live”.")
    )
    task_events = forms.MultipleChoiceField(
        label=_("Tasks without a webhook of their own"),
        required=False,
        choices=[(name, _(title)) for name, title in TASK_EVENTS.items()],
        initial=_ENDED_TASKS,
        widget=forms.CheckboxSelectMultiple,
    )
    account_events = forms.MultipleChoiceField(
        label=_("The account"),
        required=False,
        choices=[(name, _(title)) for name, title in ENDPOINT_ACCOUNT_EVENTS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    def terms(self) -> Terms:
        chosen = self.cleaned_data
        events = [*chosen["task_events"], *chosen["account_events"]]
        return Terms(url=chosen["url"], description=chosen["description"], events=events)

    def refuse(self, *, field: str, words: str) -> None:
        """Put a refusal of the service beside what it is about."""
        name = {"url": "url", "description": "description", "events": "task_events"}.get(field)
        self.add_error(name, words)


def written(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as its form has it."""
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "task_events": [one for one in endpoint.events if one in TASK_EVENTS],
        "account_events": [one for one in endpoint.events if one in ENDPOINT_ACCOUNT_EVENTS],
    }


class FilterForm(forms.Form):
    """What is wrong in the query string is as if it were not there."""

    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("All")), *((one.value, _(one.label)) for one in Delivery.State)],
    )
    event = forms.ChoiceField(
        label=_("Event"),
        required=False,
        choices=[
            ("", _("All")),
            *((name, _(title)) for name, title in TASK_EVENTS.items()),
            *((name, _(one.title)) for name, one in EVENTS.items()),
            (listening.TEST, _("Test")),
        ],
    )
    code = forms.IntegerField(
        label=_("HTTP code"),
        required=False,
        min_value=0,
        max_value=999,
        widget=forms.NumberInput(attrs={"placeholder": _("0: no answer")}),
    )
    on = forms.DateField(
        label=_("Day (UTC)"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    task = forms.UUIDField(label=_("Task id"), required=False)

    def asked(self) -> tuple[listening.Asked, str]:
        """What they look for, and the query string that says so."""
        self.is_valid()
        found: Mapping[str, Any] = self.cleaned_data
        asked = listening.Asked(
            state=found.get("state") or "",
            event=found.get("event") or "",
            code=found.get("code"),
            on=found.get("on"),
            task_id=found.get("task"),
        )
        kept = {name: value for name, value in found.items() if value not in (None, "")}
        return asked, urlencode(kept)


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})


class ReplayForm(forms.Form):
    since = forms.DateTimeField(label=_("From (UTC)"), widget=_moment())
    until = forms.DateTimeField(label=_("Until (UTC)"), widget=_moment())
    with_delivered = forms.BooleanField(label=_("Delivered events too"), required=False)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        since, until = found.get("since"), found.get("until")
        if since and until and since >= until:
            self.add_error("until", gettext("It has to be later than the beginning."))
        return found

    def asked(self) -> replay_runs.Asked:
        found = self.cleaned_data
        return replay_runs.Asked(found["since"], found["until"], found["with_delivered"])


class RunForm(ReplayForm):
    """The same with what the page had counted."""

    upto = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    run = forms.UUIDField()


def suggested(endpoint: Endpoint) -> dict[str, Any]:
    """Since it fails or is paused, at least a day."""
    now = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    begins: list[datetime] = [now - timedelta(days=1)]
    begins += [one for one in (endpoint.failing_since, endpoint.state_since) if one]
    since = max(min(begins), now - _LONGEST).replace(second=0, microsecond=0)
    return {"since": since, "until": now, "with_delivered": False}


def new_run() -> uuid.UUID:
    return uuid.uuid4()
