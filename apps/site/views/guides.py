"""The guides: index with search, a page each, the same as Markdown, and what language models are told of them."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import override
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.site import guides
from apps.site.guides import search

_MARKDOWN = "text/markdown; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
_IN_ENGLISH = {"Content-Language": guides.ENGLISH}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All guides by topic; with `?q=` the sections that have these words."""
    query = request.GET.get("q", "")[: search.MOST_CHARACTERS].replace("\0", "").strip()
    return render(
        request,
        "site/docs/index.html",
        {
            "query": query,
            "hits": search.search(query) if query else [],
            "topics": _topics(),
        },
    )


@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        found = guides.guide_of(slug)
    except KeyError:
        raise Http404("There is no such guide.") from None
    before, after = guides.neighbours(slug)
    return render(
        request,
        "site/docs/guide.html",
        {"guide": found, "topics": _topics(), "before": before, "after": after},
    )


@require_safe
@cache_control(max_age=300, public=True)
def text(request: HttpRequest, slug: str) -> HttpResponse:
    """The guide as Markdown, to be copied or given to a program: in English, whatever the page's language."""
    try:
        found = guides.text_of(slug)
    except KeyError:
        raise Http404("There is no such guide.") from None
    return HttpResponse(found, content_type=_MARKDOWN, headers=_IN_ENGLISH)


@require_safe
@cache_control(max_age=300, public=True)
def llms(request: HttpRequest) -> HttpResponse:
    """What language models are told to read, in English: https://llmstxt.org."""
    with override(guides.ENGLISH):
        context = {
            "topics": _topics(),
            "BASE_URL": settings.BASE_URL,
            "SITE_NAME": settings.SITE_NAME,
        }
        page = render_to_string("site/docs/llms.txt", context)
    return HttpResponse(page, content_type=_PLAIN, headers=_IN_ENGLISH)


def _topics() -> list[tuple[guides.Topic, list[guides.Guide]]]:
    return [(topic, [guides.guide_of(slug) for slug in topic.slugs]) for topic in guides.TOPICS]
