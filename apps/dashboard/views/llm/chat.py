"""The chat playground. The page lists what can be talked to; the talking is between the browser and the gateway."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.catalog.llm.listing import pricing_text
from apps.dashboard import snippets
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed
from apps.llm.selectors.choices import Choice, chat_models

# Each shows something else that models do, and none needs more than a sentence.
_EXAMPLES = (
    (
        gettext_noop("Explain"),
        gettext_noop(
            "Explain how a hash table works to somebody who knows arrays, in five sentences."
        ),
    ),
    (
        gettext_noop("Write code"),
        gettext_noop(
            "Write a Python function that tells whether two rectangles overlap, with a test."
        ),
    ),
    (
        gettext_noop("Rewrite"),
        gettext_noop(
            "Make this friendlier and half as long: “Your request cannot be processed at this time.”"
        ),
    ),
)
_LANGUAGES = (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript"))


@dataclass(frozen=True)
class Option:
    """A model as the page's select shows it; `price` is US$ per million tokens, in words."""

    id: str
    title: str
    price: str
    is_stand_in: bool


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def chat(request: DashboardRequest) -> HttpResponse:
    """`model` and `with` preselect one or two models to talk to."""
    found = chat_models(identity=request.identity)
    names = [one.listed.model.name for one in found]
    asked, other = request.GET.get("model", ""), request.GET.get("with", "")
    context = {
        "owners": _by_owner(found),
        "chosen": asked if asked in names else next(iter(names), ""),
        "other": other if other in names else "",
        "examples": [(_(word), _(prompt)) for word, prompt in _EXAMPLES],
        "may_run": allowed(request, Permission.RUN_TASKS) and request.workspace.is_enabled,
        "languages": _LANGUAGES,
        "api_url": f"{settings.BASE_URL}/v1",
        "key_variable": snippets.KEY_VARIABLE,
        "has_stand_ins": any(one.is_stand_in for one in found),
        "is_kept": request.workspace.keeps_llm_content,
        "kept_days": request.workspace.llm_content_days,
    }
    return render(request, "dashboard/llm/chat.html", context)


def _by_owner(found: list[Choice]) -> list[tuple[str, list[Option]]]:
    def owner(one: Choice) -> str:
        return one.listed.model.owned_by

    ordered = sorted(found, key=owner)
    return [(name, [_option(one) for one in group]) for name, group in groupby(ordered, key=owner)]


def _option(one: Choice) -> Option:
    model, price = one.listed.model, one.listed.price
    words = price_words(pricing_text(price) if price else {})
    return Option(model.name, model.title, words, one.is_stand_in)


def price_words(rates: dict[str, str]) -> str:
    """Such as "$0.15 in, $0.60 out per 1M tokens"."""
    if "input" in rates and "output" in rates:
        words = _("{read} in, {written} out per 1M tokens")
        return words.format(read=_usd(rates["input"]), written=_usd(rates["output"]))
    if "request" in rates:
        return _("{price} a request").format(price=_usd(rates["request"]))
    return ""


def _usd(text: str) -> str:
    whole, _point, fraction = f"{Decimal(text):f}".partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"
