"""What public pages need beyond the dashboard's tags."""

from django import template
from django.conf import settings
from django.template import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.notifications.models import Announcement
from apps.site.news_status import title_of

register = template.Library()

register.filter("family_title", title_of)

_TONES = {"incident": "bad", "maintenance": "warn", "info": "run"}


@register.simple_tag(takes_context=True)
def block_text(context: Context, name: str) -> SafeString:
    """What the page puts into a block, once more and on one line: its title stands in the head twice."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(name) if blocks is not None else None
    text = block.nodelist.render(context) if block is not None else ""
    return mark_safe(" ".join(text.split()))  # noqa: S308 - rendered by the template, which escapes


@register.simple_tag(takes_context=True)
def canonical(context: Context) -> str:
    """The page's one address, whatever host name and parameters it was asked for with."""
    request = context.get("request")
    return f"{settings.BASE_URL}{request.path if request is not None else '/'}"


@register.filter
def share_text(share: float | None) -> str:
    """0.9995 → "99.9+ %": never 100 when one failed, and nothing finer than a tenth."""
    if share is None:
        return _("too few to say")
    if share >= 1:
        return "100 %"
    tenths = int(share * 1_000 + 1e-6)
    return "99.9+ %" if tenths == 999 else f"{tenths / 10:.1f} %"


@register.filter
def about(milliseconds: int | None) -> str:
    """ "850 ms", "4.2 s", "1 min 12 s": about, to two digits."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1_000:
        return f"{round(milliseconds, -1)} ms"
    seconds = milliseconds / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"


@register.filter
def announced_tone(one: Announcement) -> str:
    return _TONES[one.kind]
