"""A customer's link to the platform, followed by somebody new."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.billing.services.referrals import attribution, touches
from apps.core import throttling
from apps.core.addresses import client_ip


@require_safe
@never_cache
def referred(request: HttpRequest, code: str) -> HttpResponse:
    """Somebody's link: remember it until sign-up, and show the landing page.

    The answer is the same whether anybody has this code.
    """
    answer = redirect("site:landing")
    known = touches.code_of(code)
    if known is None:
        return answer
    if not throttling.count_address(ip=client_ip(request.META)).is_over:
        attribution.note_click(code=known)
    _remember(request, answer, known)
    return answer


def _remember(request: HttpRequest, answer: HttpResponse, code: str) -> None:
    link = touches.noted(request.COOKIES.get(touches.LINK_COOKIE), code=code)
    if link is not None:
        answer.set_cookie(touches.LINK_COOKIE, link, **touches.for_link())
    if touches.device_of(request.COOKIES.get(touches.DEVICE_COOKIE)) is None:
        answer.set_cookie(touches.DEVICE_COOKIE, touches.new_device(), **touches.for_device())
