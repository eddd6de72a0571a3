"""What requests of public pages carry beyond Django's."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class SiteRequest(HttpRequest):
    """Anybody's request; `htmx` says whether a part of the page is enough."""

    htmx: HtmxDetails
