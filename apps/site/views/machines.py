"""What machines ask for: robots.txt, the sitemap, and the icon under its old name."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from apps.site import sitemap as pages


@require_safe
@cache_control(max_age=3600, public=True)
def robots(request: HttpRequest) -> HttpResponse:
    """Search engines may read the public pages. A workspace's need no line: nobody gets them without signing in."""
    closed = ("/r/", "/me", "/auth/", "/files/", "/api/", "/ops/")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    lines += ["", f"Sitemap: {settings.BASE_URL}{reverse('site:sitemap')}"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(max_age=3600, public=True)
def sitemap(request: HttpRequest) -> HttpResponse:
    """Every public page."""
    return HttpResponse(pages.xml(), content_type="application/xml; charset=utf-8")


class Favicon(RedirectView):
    """For clients that ask for the old name without reading the page."""

    def get_redirect_url(self, *args: object, **kwargs: object) -> str:
        return static("favicon.svg")
