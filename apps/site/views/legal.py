"""Terms and privacy: the operator's own texts, or ours with the operator's name in them."""

import logging
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.billing.selectors.seller import seller
from apps.billing.services.referrals import touches
from apps.notifications.services import forget, mail_out, notices
from apps.site.news_legal import CannotRead, written
from apps.site.words import either, row

log = logging.getLogger(__name__)


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    return _page(request, _("Terms"), settings.TERMS_FILE, "site/legal/terms.html")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return _page(request, _("Privacy"), settings.PRIVACY_FILE, "site/legal/privacy.html")


def _page(request: HttpRequest, title: str, file: Path | None, ours: str) -> HttpResponse:
    if file is None:
        return render(request, ours, {"title": title, "seller": seller(), **_facts()})
    context = {"title": title, "seller": seller()}
    try:
        context["text"] = written(file)
    except CannotRead as error:
        # Our text in its place would be a promise that the operator did not make.
        log.exception("a legal text cannot be read", extra={"error": type(error).__name__})
        return render(request, "site/legal/own.html", context, status=503)
    return render(request, "site/legal/own.html", context)


def _facts() -> dict[str, object]:
    """What the texts say of this installation's settings."""
    return {
        "has_cards": bool(settings.STRIPE_SECRET_KEY),
        "has_crypto": bool(settings.CRYPTO_XPUB or settings.BTCPAY_URL),
        "sign_in_with": either([name.title() for name in settings.SOCIALACCOUNT_PROVIDERS]),
        "has_moderation": bool(settings.LLM_MODERATION_URL),
        "expire_days": settings.CREDITS_EXPIRE_DAYS,
        "upload_hours": settings.UPLOAD_HOURS,
        "referral_days": settings.REFERRAL_COOKIE_DAYS,
        "device_days": touches.DEVICE_DAYS,
        "mail_days": mail_out.DAYS,
        "attachment_days": mail_out.ATTACHMENT_DAYS,
        "notice_days": notices.DAYS,
        "delivery_days": forget.DAYS,
        "retention": row([_kept(plan) for plan in Plan]),
    }


def _kept(plan: Plan) -> str:
    days = plans.terms_of(plan=plan, plan_version_id=None).retention_days
    words = ngettext("{days} day ({plan})", "{days} days ({plan})", days)
    return words.format(days=days, plan=plan.label)
