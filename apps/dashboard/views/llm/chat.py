"""The chat playground. The page lists what can be talked to; the talking is between the browser and the gateway."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.catalog.llm.listing import Listed, pricing_text
from apps.dashboard import snippets
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed
from apps.llm.selectors.choices import chat_models

# Each shows something else that models do, and none needs more than a sentence.
_EXAMPLES = (
    ("Explain", "Explain how a hash table works to somebody who knows arrays, in five sentences."),
    ("Write code", "Write a Python function that tells whether two rectangles overlap, with a test."),
    ("Rewrite", "Make this friendlier and half as long: “Your request cannot be processed at this time.”"),
)  # fmt: skip
_LANGUAGES = (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript"))


@dataclass(frozen=True)
class Choice:
    """A model as the page's select shows it; `price` is US$ per million tokens, in words."""

    id: str
    title: str
    price: str


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def chat(request: DashboardRequest) -> HttpResponse:
    """`model` and `with` preselect one or two models to talk to."""
    found = chat_models(identity=request.identity)
    names = [one.model.name for one in found]
    asked, other = request.GET.get("model", ""), request.GET.get("with", "")
    context = {
        "owners": _by_owner(found),
        "chosen": asked if asked in names else next(iter(names), ""),
        "other": other if other in names else "",
        "examples": _EXAMPLES,
        "may_run": allowed(request, Permission.RUN_TASKS) and request.workspace.is_enabled,
        "languages": _LANGUAGES,
        "api_url": f"{settings.BASE_URL}/v1",
        "key_variable": snippets.KEY_VARIABLE,
        "is_kept": request.workspace.keeps_llm_content,
        "kept_days": request.workspace.llm_content_days,
    }
    return render(request, "dashboard/llm/chat.html", context)


def _by_owner(found: list[Listed]) -> list[tuple[str, list[Choice]]]:
    ordered = sorted(found, key=lambda one: one.model.owned_by)
    return [
        (owner, [_choice(one) for one in group])
        for owner, group in groupby(ordered, key=lambda one: one.model.owned_by)
    ]


def _choice(one: Listed) -> Choice:
    model = one.model
    return Choice(
        id=model.name,
        title=model.title,
        price=price_words(pricing_text(one.price) if one.price else {}),
    )


def price_words(rates: dict[str, str]) -> str:
    """Such as "$0.15 in, $0.60 out per 1M tokens"."""
    if "input" in rates and "output" in rates:
        return f"{_usd(rates['input'])} in, {_usd(rates['output'])} out per 1M tokens"
    return f"{_usd(rates['request'])} a request" if "request" in rates else ""


def _usd(text: str) -> str:
    whole, _, fraction = f"{Decimal(text):f}".partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"
