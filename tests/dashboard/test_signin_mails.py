"""Mails about signing up and in follow the language of the page that asks for them."""

import re

import pytest
from django.core import mail
from django.test import Client

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PERSON = {"email": "new@example.com", "password1": "a long enough phrase"}
_ENGLISH = re.compile(r"[A-Za-z]+,?(?: [A-Za-z]+,?){3,}")
_CHINESE = {"accept-language": "zh-CN"}


@pytest.mark.parametrize(
    ("headers", "subject", "words"),
    [
        ({}, "Confirm your e-mail address", "Confirm that new@example.com is yours: http"),
        (_CHINESE, "确认你的邮箱地址", "new@example.com"),
    ],
)
def test_sign_up_mail(client: Client, headers: dict[str, str], subject: str, words: str) -> None:
    client.post("/auth/signup/", PERSON, headers=headers)

    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["new@example.com"], subject)
    assert words in sent.body
    assert ("You did not sign up?" in sent.body) == (not headers)


@pytest.mark.parametrize("email", ["known@example.com", "unknown@example.com"])
def test_password_reset_mail_is_chinese_on_a_chinese_page(client: Client, email: str) -> None:
    UserFactory.create(email="known@example.com")

    for headers in ({}, _CHINESE):
        client.post("/auth/password/reset/", {"email": email}, headers=headers)

    english, chinese = mail.outbox
    assert english.subject.isascii()
    assert not chinese.subject.isascii()
    assert " receiving this email because you" in english.body
    assert _ENGLISH.findall(chinese.body) == []
