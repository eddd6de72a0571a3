"""What is new: the changelog as a page and as a feed."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.site import news

# A reader's program asks every hour; what is older is on the page.
_MOST_IN_FEED = 30


@require_safe
def changelog(request: HttpRequest) -> HttpResponse:
    entries = news.entries(settings.CHANGELOG_FILE)
    return render(request, "site/changelog/changelog.html", {"entries": entries})


@require_safe
@cache_control(max_age=300, public=True)
def changelog_atom(request: HttpRequest) -> HttpResponse:
    page = f"{settings.BASE_URL}{reverse('site:changelog')}"
    feed = Atom1Feed(
        title=f"{settings.SITE_NAME}: changelog",
        link=page,
        description=f"What is new at {settings.SITE_NAME}.",
        feed_url=f"{settings.BASE_URL}{reverse('site:changelog_atom')}",
        language="en",
    )
    written_at = news.changed_at(settings.CHANGELOG_FILE) or timezone.now()
    for entry in news.entries(settings.CHANGELOG_FILE)[:_MOST_IN_FEED]:
        changed_at = entry.announcement.updated_at if entry.announcement else entry.at
        feed.add_item(
            title=entry.title,
            link=f"{page}#{entry.anchor}",
            description=render_to_string("site/changelog/_entry.html", {"entry": entry}),
            unique_id=f"{page}#{entry.anchor}",
            pubdate=entry.at or written_at,
            updateddate=changed_at or written_at,
        )
    return HttpResponse(
        feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8"
    )
