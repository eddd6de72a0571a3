"""What allauth asks us: who may call how often, and what a new person gets."""

import re
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import people
from apps.billing.services.onboarding import open_workspace
from apps.billing.services.referrals import attribution, touches
from apps.core.addresses import client_ip
from apps.core.queue import enqueue
from apps.dashboard.middleware import SEEN_AT


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Sign-up opens a workspace in the transaction that makes the person: there is never one without the other."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Rate limits count per client, so they must see past our own proxies and not trust anybody else's word."""
        return client_ip(request.META)

    def login(self, request: HttpRequest, user: User) -> None:
        """From here on the session notes when it was seen (`middleware.Personal`)."""
        super().login(request, user)
        request.session[SEEN_AT] = int(time.time())

    def save_user(
        self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True
    ) -> User:
        """Two sign-ups with one new address at the same instant: the second one is asked to sign in."""
        try:
            with transaction.atomic():
                super().save_user(request, user, form, commit=commit)
                if commit:
                    people.speak(user=user, language=translation.get_language() or "")
                    _open_workspace(request, user)
        except IntegrityError:
            messages.info(request, _("Sign in with the password you have just chosen."))
            raise ImmediateHttpResponse(redirect("account_login")) from None
        return user

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """A confirmed address is what sign-up rewards wait for."""
        is_new: bool = super().confirm_email(request, email_address)
        enqueue("billing.rewards")
        return is_new


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The same for GitHub and Google."""

    @transaction.atomic
    def save_user(
        self, request: HttpRequest, sociallogin: SocialLogin, form: BaseForm | None = None
    ) -> User:
        user: User = super().save_user(request, sociallogin, form)
        if form is None:  # with a form, the account adapter has saved the person and opened it
            _open_workspace(request, user)
        return user

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = str(data.get("name") or "")[:100]
        return user


def _open_workspace(request: HttpRequest, user: User) -> None:
    words = re.split(r"[._+-]+", user.email.partition("@")[0])
    workspace = open_workspace(owner=user, name=" ".join(words).strip() or "My workspace")
    attribution.attribute(
        invitee=user,
        workspace=workspace,
        touches=touches.read(request.COOKIES.get(touches.LINK_COOKIE)),
        ip=client_ip(request.META),
        device=touches.device_of(request.COOKIES.get(touches.DEVICE_COOKIE)),
    )
