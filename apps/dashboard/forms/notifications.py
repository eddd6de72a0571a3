"""Where account events go, and which of them."""

from collections.abc import Iterable, Iterator

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.core.webhook_urls import MAX_LENGTH
from apps.notifications.events import EVENTS, Channel, EventType
from apps.notifications.selectors import Preference

CHANNEL_WORDS = {
    Channel.WEBHOOK: gettext_noop("Webhook"),
    Channel.EMAIL: gettext_noop("Mail"),
    Channel.BELL: gettext_noop("This page"),
}


class HookForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=MAX_LENGTH,
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("An http or https address on port 80 or 443. Empty: events go nowhere."),
    )


class Cell:
    """One box of the table."""

    def __init__(self, event: EventType, channel: Channel, is_on: bool) -> None:
        self.name = _name(event.type, channel)
        self.label = gettext(CHANNEL_WORDS[channel])
        self.is_on = is_on


def rows(preferences: Iterable[Preference]) -> Iterator[tuple[EventType, list[Cell]]]:
    """The table of events and channels, as it stands."""
    for one in preferences:
        cells = [Cell(one.event, channel, channel in one.channels) for channel in Channel]
        yield one.event, cells


def wanted(posted: QueryDict) -> dict[str, frozenset[Channel]]:
    """What somebody ticked. Only events that were on their page: one that came later is not switched off by it."""
    return {
        event: frozenset(channel for channel in Channel if _name(event, channel) in posted)
        for event in posted.getlist("event")
        if event in EVENTS
    }


def _name(event: str, channel: Channel) -> str:
    return f"{event}.{channel}"
