"""Bringing people: the link, the rules, who came and what it earned."""

import segno
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from apps.accounts import plans
from apps.accounts.policies import Permission
from apps.billing.selectors import referrals
from apps.billing.services.referrals import attribution, touches
from apps.core.addresses import client_ip
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def referral(request: DashboardRequest) -> HttpResponse:
    """The person's own link; the invitees of everybody whose rewards go to this workspace."""
    known = touches.device_of(request.COOKIES.get(touches.DEVICE_COOKIE))
    device = known or touches.new_device()
    code = attribution.note_place(user=request.user, ip=client_ip(request.META), device=device)
    link = settings.BASE_URL + reverse("site:referred", args=[code.code])
    home = attribution.reward_workspace(user=request.user)
    answer = render(
        request,
        "dashboard/billing/referral.html",
        {
            "link": link,
            "qr": _qr(link),
            "clicks": code.clicks,
            "home": home,
            "rules": _rules(request),
            "invitees": referrals.invitees(workspace_id=request.workspace.pk),
            "most_shown": referrals.MOST_SHOWN,
            "sums": referrals.sums(workspace_id=request.workspace.pk),
        },
    )
    if known is None:
        answer.set_cookie(touches.DEVICE_COOKIE, device, **touches.for_device())
    return answer


def _rules(request: DashboardRequest) -> dict[str, int]:
    return {
        "sign_up": settings.REFERRAL_SIGN_UP_CREDITS,
        "first_top_up": settings.REFERRAL_FIRST_TOP_UP_CREDITS,
        "first_subscription": settings.REFERRAL_FIRST_SUBSCRIPTION_CREDITS,
        "hold_days": settings.REFERRAL_HOLD_DAYS,
        "cookie_days": settings.REFERRAL_COOKIE_DAYS,
        "cap": plans.terms_of_workspace(request.workspace).referral_cap,
    }


def _qr(link: str) -> SafeString:
    """An inline SVG. It says nothing but our own address, so there is nothing to escape."""
    drawing = segno.make(link, error="m", micro=False)
    return mark_safe(drawing.svg_inline(scale=4, light="#fff", svgclass="qr", lineclass=None))  # noqa: S308
