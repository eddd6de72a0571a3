"""What the code and this installation's settings know, for the guides: `{{ name }}` in a text is replaced by it.

So a number that an operator sets, or a plan that they sell, is right on every installation's pages. Values are in the
language that is active. A name that is not in `FACTS` stops the page: a test asks for every guide.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.accounts.policies import Feature, PlanTerms
from apps.byoa.selectors import family_title
from apps.core.money import CREDITS_PER_USD, POINTS_PER_USD, format_usd
from apps.notifications.services import signing
from apps.site.guides import refusals

_NAME = re.compile(r"\{\{ (\w+) \}\}")
_MEGABYTE = 1024 * 1024
_FEATURES = {
    Feature.FILE_UPLOAD: gettext_noop("File upload, `POST /api/ephemeral_resource`"),
    Feature.PREMIUM_LLM: gettext_noop("Premium language models"),
    Feature.PUBLIC_GPTS: gettext_noop("GPTs on the operator's accounts"),
    Feature.NOTIFICATION_WEBHOOK: gettext_noop("Webhooks about the account"),
    Feature.SUNO_LYRICS: gettext_noop("Lyrics for songs"),
    Feature.AUTO_UPLOAD: gettext_noop("Automatic upload of inputs"),
    Feature.BOT_ID: gettext_noop("Naming the own account that takes a task"),
}


def filled_in(text: str) -> str:
    """The text with every `{{ name }}` replaced. `KeyError` names one that nobody knows."""
    # A value may hold names itself: the table of errors mentions hours that a setting says.
    once = _NAME.sub(lambda found: FACTS[found[1]](), text)
    return _NAME.sub(lambda found: FACTS[found[1]](), once)


def plans_table() -> str:
    """The plans as they are sold today; who bought other terms keeps them."""
    rows: list[tuple[str, Callable[[PlanTerms], str]]] = [
        (_("Price a month"), lambda terms: _dollars(terms.price_points)),
        (_("Credits that come with a month"), lambda terms: _gift(terms.monthly_credit_points)),
        (_("Tasks of one family at once"), lambda terms: str(terms.concurrent_tasks)),
        (_("Tasks that may wait behind them"), lambda terms: str(terms.staged_tasks)),
        (_("Results are kept"), lambda terms: _days(terms.retention_days)),
        (_("Weight where workspaces queue"), lambda terms: str(terms.share)),
    ]
    terms = _terms()
    return refusals.table(
        (_("What"), *(plan.label for plan in Plan)),
        [(title, *(say(one) for one in terms)) for title, say in rows],
    )


def features_table() -> str:
    """What each plan opens, as it is sold today."""
    terms = _terms()
    return refusals.table(
        (_("What"), *(plan.label for plan in Plan)),
        [
            (_(words), *(_("yes") if one.includes(feature) else _("no") for one in terms))
            for feature, words in _FEATURES.items()
        ],
    )


def seats_table() -> str:
    """What a seat for an own account costs a month, families of the same price in one row."""
    by_price: dict[tuple[int, int, int], list[str]] = {}
    for family, price in settings.SEAT_PRICES.items():
        by_price.setdefault(price, []).append(family_title(family))
    rows = [(", ".join(names), _seat(*price)) for price, names in by_price.items()]
    return refusals.table((_("Families"), pgettext("of a seat", "A month")), rows)


def _terms() -> list[PlanTerms]:
    return [plans.newest_terms(plan=plan) for plan in Plan]


def _dollars(points: int) -> str:
    return format_usd(points).removesuffix(".00")


def _days(count: int) -> str:
    return ngettext("{count} day", "{count} days", count).format(count=count)


def _gift(points: int) -> str:
    return _dollars(points) if points else _("none")


def _seat(first: int, further: int, seats: int) -> str:
    if seats > 1:
        return _("{price} for {count} seats").format(price=_dollars(first), count=seats)
    if first == further:
        return _dollars(first)
    return _("{first} the first, {further} each further").format(
        first=_dollars(first), further=_dollars(further)
    )


def _credits_end() -> str:
    days = settings.CREDITS_EXPIRE_DAYS
    if not days:
        return _("Bought credits do not expire.")
    return ngettext(
        "Bought credits can be spent for {days} day.",
        "Bought credits can be spent for {days} days.",
        days,
    ).format(days=days)


def _number(name: str) -> Callable[[], str]:
    return lambda: f"{getattr(settings, name):,}"


def _megabytes(name: str) -> Callable[[], str]:
    return lambda: f"{getattr(settings, name) / _MEGABYTE:g} MB"


def _money(name: str) -> Callable[[], str]:
    return lambda: _dollars(getattr(settings, name))


FACTS: dict[str, Callable[[], str]] = {
    "site_name": lambda: str(settings.SITE_NAME),
    "base_url": lambda: str(settings.BASE_URL),
    "files_base_url": lambda: str(settings.FILES_BASE_URL),
    "points_per_usd": lambda: f"{POINTS_PER_USD:,}",
    "credits_per_usd": lambda: str(CREDITS_PER_USD),
    "refused_table": refusals.refused_table,
    "failed_table": refusals.failed_table,
    "plans_table": plans_table,
    "features_table": features_table,
    "seats_table": seats_table,
    "api_rate": _number("API_RATE_PER_MINUTE"),
    "anonymous_rate": _number("ANONYMOUS_RATE_PER_MINUTE"),
    "body_size": _megabytes("API_MAX_BODY_BYTES"),
    "llm_body_size": _megabytes("LLM_MAX_BODY_BYTES"),
    "media_size": _megabytes("MEDIA_MAX_BYTES"),
    "upload_size": _megabytes("UPLOAD_MAX_BYTES"),
    "upload_hours": _number("UPLOAD_HOURS"),
    "waiting_hours": _number("TASK_WAITING_HOURS"),
    "idempotency_hours": _number("IDEMPOTENCY_HOURS"),
    "follow_up_hours": _number("FOLLOW_UP_HOURS"),
    "private_tasks": _number("PRIVATE_TASKS"),
    "seat_credential_days": _number("SEAT_CREDENTIAL_DAYS"),
    "welcome_credit": _money("SIGNUP_GRANT_POINTS"),
    "topup_min": _money("TOPUP_MIN_POINTS"),
    "topup_max": _money("TOPUP_MAX_POINTS"),
    "auto_topup_minutes": _number("AUTO_TOPUP_MIN_MINUTES"),
    "credits_end": _credits_end,
    "expiry_warning_days": _number("EXPIRY_WARNING_DAYS"),
    "dunning_days": lambda: str(settings.DUNNING_DAYS[-1]),
    "llm_first_byte_seconds": _number("LLM_FIRST_BYTE_SECONDS"),
    "llm_idle_seconds": _number("LLM_IDLE_SECONDS"),
    "llm_total_seconds": _number("LLM_TOTAL_SECONDS"),
    "llm_grace_seconds": _number("LLM_GRACE_SECONDS"),
    "llm_keep_alive_seconds": _number("LLM_KEEP_ALIVE_SECONDS"),
    "webhook_seconds": lambda: str(signing.TIMEOUT_SECONDS),
    "webhook_answer_size": lambda: f"{signing.MAX_ANSWER_BYTES // 1024} KB",
}
