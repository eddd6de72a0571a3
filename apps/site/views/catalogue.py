"""The catalogue for everybody: all models, one model, and the way from there to trying it."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.catalog import registry, snippets
from apps.catalog.llm.model import LlmModel
from apps.catalog.llm.registry import llm_models
from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError
from apps.site import news_bars, news_status
from apps.site.catalogue import doors, entries, examples, levers, llm_code, llm_words, prices
from apps.site.catalogue.entries import Entry
from apps.site.catalogue.kinds import KINDS
from apps.site.catalogue.parameters import parameters
from apps.site.http import SiteRequest
from apps.site.words import row

SORTS = {
    "": gettext_noop("Available first"),
    "name": gettext_noop("Name"),
    "price": gettext_noop("Price"),
}
_LONGEST_SEARCH = 100
_LONGEST_NAME = 200


@require_safe
@vary_on_headers("HX-Request")
def model_list(request: SiteRequest) -> HttpResponse:
    """Every model: what it does, what it costs, whether it runs now. htmx asks for the list alone.

    Words of the query string that mean nothing here are as good as none.
    """
    everything = entries.all_entries()
    words = request.GET.get("q", "")[:_LONGEST_SEARCH]
    kind = _one_of(request.GET.get("kind", ""), KINDS)
    sort = _one_of(request.GET.get("sort", ""), SORTS)
    only_available = request.GET.get("available") == "1"
    fitting = entries.matching(everything, words=words, only_available=only_available)
    found = entries.matching(fitting, kind=kind)
    template = "_list.html" if request.htmx else "page.html"
    context = {
        "found": entries.in_order(found, by=sort),
        "total": len(everything),
        "words": words,
        "kind": kind,
        "sort": sort,
        "sorts": SORTS,
        "only_available": only_available,
        "chips": _chips(fitting, kind, {"q": words, "sort": sort, "available": only_available}),
    }
    return render(request, f"site/models/{template}", context)


def _one_of(given: str, known: Any) -> str:
    return given if given in known else ""


def _chips(found: list[Entry], chosen: str, rest: dict[str, Any]) -> list[dict[str, Any]]:
    """A link for each kind, which keeps the other filters."""
    kept = {name: "1" if value is True else value for name, value in rest.items() if value}
    counts = [("", _("All"), len(found))] + [
        (kind.value, kind.word, sum(one.kind == kind for one in found)) for kind in KINDS.values()
    ]
    return [
        {
            "word": word,
            "count": count,
            "is_chosen": value == chosen,
            "query": urlencode({**kept, "kind": value} if value else kept),
        }
        for value, word, count in counts
        if count or value == chosen or not value
    ]


@require_safe
def model(request: SiteRequest, name: str) -> HttpResponse:
    """One model, by its name; another of its names leads to it. What is unknown or retired says so, with 404."""
    thing = _thing(name)
    if thing is None and name in registry.models():
        return redirect(f"{reverse('site:models')}?{urlencode({'q': name})}")
    if thing is None:
        return _missing(request, name)
    canonical = entries.page_url(_page_name(thing))
    if canonical != entries.page_url(name):
        return HttpResponseRedirect(canonical)
    everything = entries.all_entries()
    entry = next((one for one in everything if one.thing is thing), None)
    if entry is None:
        return _missing(request, name, thing=thing)
    context = {
        "entry": entry,
        "others": [] if entry.is_callable else entries.nearest(entry, everything),
        "try_url": reverse("site:try_model", args=[name]) if _can_try(entry) else "",
        "calculator_query": urlencode({"what": _page_name(thing)}),
        "line": news_bars.line(news_status.lately(_status_family(thing))),
        **news_bars.terms(),
    }
    if isinstance(thing, LlmModel):
        return render(request, "site/models/llm.html", context | _llm(thing))
    return render(request, "site/models/task.html", context | _task(thing))


def _status_family(thing: TaskSpec | LlmModel) -> str:
    """Under which name the status page has it: language models are one family there."""
    return news_status.LLM if isinstance(thing, LlmModel) else thing.family


def _can_try(entry: Entry) -> bool:
    return entry.is_callable and doors.has_playground(entry)


def _task(spec: TaskSpec) -> dict[str, Any]:
    raw = levers.base_input(spec.name) or spec.example
    return {
        "spec": spec,
        "parameters": parameters(spec.input),
        "examples": examples.of_task(spec),
        "code": snippets.create_task(model=spec.model, task_type=spec.task_type, input=raw),
    }


def _llm(model: LlmModel) -> dict[str, Any]:
    return {
        "model": model,
        "minimum": prices.minimum_words(model),
        "examples": examples.of_llm(model),
        "takes": row([_("text"), *llm_words.takes(model)]),
        "endpoints": llm_words.endpoints(model),
        "base_url": llm_code.base_url(),
        "code": llm_code.first_call(model),
    }


def _thing(name: str) -> TaskSpec | LlmModel | None:
    """By any of its names, retired models included."""
    name = name.rstrip("/")
    found = llm_models().get(name) or next(
        (model for model in llm_models().values() if name in model.aliases), None
    )
    if found is not None:
        return found
    model, _, task_type = name.rpartition("/")
    try:
        return registry.spec_of(model, task_type)
    except DomainError:
        return None


def _page_name(thing: TaskSpec | LlmModel) -> str:
    return thing.id if isinstance(thing, LlmModel) else f"{thing.model}/{thing.task_type}"


def _missing(
    request: SiteRequest, name: str, *, thing: TaskSpec | LlmModel | None = None
) -> HttpResponse:
    """The page of what cannot be called: with what there is in its place, or under a like name."""
    ending, instead = "", ""
    if isinstance(thing, LlmModel):
        ending = llm_words.ending(thing, datetime.now(UTC).date())
        instead = entries.page_url(thing.replaced_by) if thing.replaced_by else ""
    name = name[:_LONGEST_NAME]
    everything = entries.all_entries()
    parts = (name.replace("/", " "), name.partition("/")[0])
    alike = next(
        (found for part in parts if (found := entries.matching(everything, words=part))), []
    )
    context = {"name": name, "ending": ending, "instead": instead, "alike": alike}
    if ending:
        context["replaced_by"] = thing.replaced_by if isinstance(thing, LlmModel) else ""
    return render(request, "site/models/missing.html", context, status=404)


@require_safe
def try_model(request: SiteRequest, name: str) -> HttpResponse:
    """To the playground of the person's workspace; who is not signed in signs up first and comes back here."""
    thing = _thing(name)
    entry = next((one for one in entries.all_entries() if one.thing is thing), None)
    if entry is None or not doors.has_playground(entry):
        return _missing(request, name, thing=thing)
    if not request.user.is_authenticated:
        here = urlencode({"next": request.path})
        return redirect(f"{reverse('account_signup')}?{here}")
    last = request.session.get(doors.LAST_WORKSPACE, "")
    slug = doors.workspace_of(request.user, last=last)
    return redirect(doors.playground_url(entry, slug=slug) if slug else "dashboard:home")
