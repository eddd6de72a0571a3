"""How pages write money, times, states and form fields: one way each, for every page."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import forms, template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as written
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Membership
from apps.catalog.units import unit_words
from apps.core import money
from apps.dashboard import account_words
from apps.tasks.models import Status

register = template.Library()

register.filter("usd", money.format_usd)
register.filter("balance", money.format_balance)
register.filter("credits", money.format_credits)
register.filter("gift", money.format_gift)
register.filter("rate_usd", money.format_rate)

# Status → colour word of app.css. The word beside the dot says the same, so colour is never alone.
_TONES: dict[str, str] = {
    Status.STAGED: "idle",
    Status.PENDING: "run",
    Status.PROCESSING: "run",
    Status.COMPLETED: "ok",
    Status.FAILED: "bad",
    Status.CANCELLED: "idle",
    gettext_noop("active"): "ok",
    gettext_noop("expired"): "idle",
    gettext_noop("revoked"): "idle",
    gettext_noop("available"): "ok",
    gettext_noop("unavailable"): "idle",
    gettext_noop("waiting"): "run",
    gettext_noop("delivered"): "ok",
    gettext_noop("stopped"): "bad",
}
_STATUSES: dict[str, str] = {
    Status.STAGED: gettext_noop("staged"),
    Status.PENDING: gettext_noop("pending"),
    Status.PROCESSING: gettext_noop("processing"),
    Status.COMPLETED: gettext_noop("completed"),
    Status.FAILED: gettext_noop("failed"),
    Status.CANCELLED: gettext_noop("cancelled"),
}
_ROLES: dict[str, str] = {
    Membership.Role.OWNER: gettext_noop("Owner"),
    Membership.Role.ADMIN: gettext_noop("Admin"),
    Membership.Role.DEVELOPER: gettext_noop("Developer"),
    Membership.Role.BILLING: gettext_noop("Billing"),
    Membership.Role.VIEWER: gettext_noop("Viewer"),
}


@register.filter
def told(sentence: str) -> str:
    """What the domain or a receiver said, in the reader's language where it is one of the known sentences."""
    return account_words.told(sentence)


@register.filter
def tone(status: str) -> str:
    return _TONES.get(status, "idle")


@register.filter
def role_word(role: str) -> str:
    """What a role of the team is called."""
    return _(_ROLES[role])


@register.simple_tag
def status(word: str, text: str = "") -> SafeString:
    """A state as dot, colour and word. A `text` of its own comes translated."""
    moving = " status-dot-animated" if word == Status.PROCESSING else ""
    return format_html(
        '<span class="status status-{}"><span class="status-dot{}"></span>{}</span>',
        tone(word),
        moving,
        text or _(_STATUSES.get(word, word)),
    )


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """A drawing of static/icons.svg; the text beside it says what it means."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        css,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def ago(moment: datetime | None, never: str = "") -> SafeString:
    """A time, relative under 24 hours; the exact one is in the element."""
    if moment is None:
        return format_html("{}", never or _("never"))
    exact = moment.astimezone(timezone.get_current_timezone())
    age = timezone.now() - moment
    if age < timedelta(minutes=1):
        text = _("just now")
    elif age < timedelta(hours=24):
        text = _("{span} ago").format(span=timesince(moment, depth=1))
    else:
        text = written(exact, _("j M Y, H:i"))
    return _time(exact, text)


@register.simple_tag
def exactly(moment: datetime) -> SafeString:
    """A time to the second, for detail pages."""
    local = moment.astimezone(timezone.get_current_timezone())
    return _time(local, written(local, _("j M Y, H:i:s")))


def _time(moment: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        f"{moment:%Y-%m-%d %H:%M:%S %Z}",
        text,
    )


@register.filter
def duration(span: timedelta | None) -> str:
    """Such as "850 ms", "4.2 s", "1 min 12 s"."""
    if span is None:
        return "–"
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


@register.filter
def sum_usd(points: int) -> str:
    """A sum to the cent; below a cent exactly, since something that was spent is never shown as nothing."""
    if abs(points) < money.POINTS_PER_USD // 100:
        return money.format_usd(points)
    cents = money.usd(points).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"${cents:,}"


@register.simple_tag
def price_line(quantity: Decimal | str, unit: str, points_per_unit: Decimal | str) -> str:
    """One summand of a price: "6 s × $0.002", or "2 × 5 s at $0.195" where the unit counts by itself."""
    count, rate = f"{Decimal(quantity).normalize():f}", money.format_rate(Decimal(points_per_unit))
    said = unit_words(unit)
    if unit[:1].isdigit():
        return _("{count} × {unit} at {rate}").format(count=count, unit=said, rate=rate)
    return _("{count} {unit} × {rate}").format(count=count, unit=said, rate=rate)


_CONTROLS: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxSelectMultiple, ""),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxInput, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


@register.simple_tag
def control(bound: forms.BoundField, extra: str = "") -> SafeString:
    """A form field's element with the kit's class, marked when it has an error."""
    css = next(css for kind, css in _CONTROLS if isinstance(bound.field.widget, kind))
    attrs: dict[str, Any] = {
        "class": f"{css} {extra}{' is-invalid' if bound.errors else ''}".strip()
    }
    # A placeholder is no label: the label above says it.
    return bound.as_widget(attrs=attrs)


@register.filter
def is_switch(bound: forms.BoundField) -> bool:
    return isinstance(bound.field.widget, forms.CheckboxInput)


@register.filter
def is_choices(bound: forms.BoundField) -> bool:
    return isinstance(bound.field.widget, forms.CheckboxSelectMultiple)
