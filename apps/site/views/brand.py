"""The operator's colours as a stylesheet, since pages carry no inline styles."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from apps.core import brand


@require_safe
def brand_css(request: HttpRequest) -> HttpResponse:
    """For good under its version's address, which pages use; else for a minute."""
    answer = HttpResponse(brand.stylesheet(), content_type="text/css; charset=utf-8")
    if request.GET.get("v") == brand.version():
        patch_cache_control(answer, public=True, max_age=31_536_000, immutable=True)
    else:
        patch_cache_control(answer, public=True, max_age=60)
    return answer
