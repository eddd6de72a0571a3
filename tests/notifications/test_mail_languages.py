"""Mails in the language of who reads them: one event, one mail each, and the same links in all."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from apps.accounts.models import User, Workspace
from apps.billing.models import BillingProfile
from apps.billing.selectors.people import recipients
from apps.notifications import jobs
from apps.notifications.models import Email
from apps.notifications.selectors import readers
from apps.notifications.services import mail
from tests.factories import UserFactory, member, owner_of
from tests.notifications.account.helpers import noisy, tell

_TIME = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
_ACME = SimpleNamespace(name="Acme 50 % {x} %(y)s", slug="acme", closes_at=_TIME)
_LINE = SimpleNamespace(title="Work moved to pay-per-use", url="/w/acme/tasks", count=2)
_LINE.message = "No own account could take a suno task; it went to pay-per-use."
_DAY = SimpleNamespace(words="a day (UTC)", refuses=True, resets_at=_TIME)
_IN_ALL = SimpleNamespace(words="in all", refuses=False, resets_at=None)
_INVITED = SimpleNamespace(get_role_display="Developer", email="a@example.com", expires_at=_TIME)
_INVITED.invited_by = SimpleNamespace(email="b@example.com")
_BUDGET = {"workspace": _ACME, "whose": "b@example.com", "spent": "$1.00", "cap": "$2.00"}
_INVOICE = {
    "number": "INV-1",
    "corrects": "INV-0",
    "total": "US$2.00",
    "paid_by": "Visa 4242",
    "workspace": "Acme",
    "url": "http://testserver/w/acme/billing/invoices/1",
}
_PLAN = {"workspace": "Acme", "plans_url": "http://testserver/w/acme/billing/plans"}
_PAY = "http://pay.example/1"

# Every template, with what leads to each of its sentences.
SAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("account_event", {"workspace": _ACME, "title": "Seat ended", "message": "It works.", "url": "/w"}),
    ("account_event", {"workspace": _ACME, "title": "Seat ended", "message": "It works.", "url": ""}),
    ("account_event_digest", {"workspace": _ACME, "lines": [_LINE], "total": 1}),
    ("account_event_digest", {"workspace": _ACME, "lines": [_LINE, _LINE], "total": 4}),
    (
        "auto_topup_confirm",
        {"workspace": _ACME, "amount": "$9.00", "hours": 23, "url": "http://testserver/t"},
    ),
    ("auto_topup_stopped", {"workspace": _ACME, "reason": "card_declined"}),
    ("budget", {**_BUDGET, "percent": 50, "counter": _DAY}),
    ("budget", {**_BUDGET, "percent": 50, "counter": _IN_ALL}),
    ("budget", {**_BUDGET, "percent": 100, "counter": _DAY}),
    ("budget", {**_BUDGET, "percent": 100, "counter": _IN_ALL}),
    ("credits_exhausted", {"workspace": _ACME, "balance": "−$1.00"}),
    (
        "credits_expire",
        {"workspace": _ACME, "total": "$3.00", "first": _TIME, "lots": [("$1.00", _TIME), ("$2.00", _TIME)]},
    ),
    ("crypto_gone", {"amount": "$9.00", "network": "Ethereum", "token": "USDC", "tx_hash": "0xabc"}),
    (
        "data_export",
        {"export": SimpleNamespace(expires_at=_TIME, user=SimpleNamespace(email="a@example.com"))},
    ),
    ("invitation", {"workspace": _ACME, "invitation": _INVITED, "path": "/join/abc"}),
    ("invoice", {**_INVOICE, "kind": "Invoice", "is_test": True}),
    ("invoice", {**_INVOICE, "kind": "Credit note", "is_test": False}),
    ("invoice", {**_INVOICE, "kind": "Debit note", "is_test": False}),
    ("low_balance", {"workspace": _ACME, "balance": "$1.00"}),
    ("subscription_ended", {**_PLAN, "plan": "Developer", "unpaid": True}),
    ("subscription_ended", {**_PLAN, "plan": "Developer", "unpaid": False}),
    ("subscription_ended", {**_PLAN, "plan": "", "unpaid": True}),
    ("subscription_ended", {**_PLAN, "plan": "", "unpaid": False}),
    ("subscription_past_due", {**_PLAN, "plan": "Developer", "days_left": 7, "pay_url": _PAY}),
    ("subscription_past_due", {**_PLAN, "plan": "", "days_left": 1, "pay_url": ""}),
    ("subscription_past_due", {**_PLAN, "plan": "Developer", "days_left": 0, "pay_url": _PAY}),
    ("subscription_past_due", {**_PLAN, "plan": "", "days_left": 0, "pay_url": ""}),
    ("workspace_closing", {"workspace": _ACME}),
]  # fmt: skip
_LINK = re.compile(r"http://[\w./-]+")
_CHINESE_LETTER = re.compile(r"[\u4e00-\u9fff]")
_ENGLISH = re.compile(r"[A-Za-z]+[,;:]?(?: [A-Za-z-]+[,;:]?){3,}")


def _speaks(user: User, language: str) -> str:
    User.objects.filter(pk=user.pk).update(language=language)
    return user.email


def _written(**of: Any) -> dict[str, tuple[str, str]]:
    rows = Email.objects.across_workspaces().filter(**of)
    return {row.to: (row.subject, row.text) for row in rows}


# ------------------------------------------------------------------------------- templates
def test_samples_are_of_every_template() -> None:
    folder = Path(settings.BASE_DIR) / "templates" / "mail"

    assert {name for name, _ in SAMPLES} == {file.stem for file in folder.iterdir()}


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_chinese_mail_is_all_chinese_with_the_same_lines_and_links(number: int) -> None:
    template, context = SAMPLES[number]
    to = [
        UserFactory.create(email="a@example.com").email,
        UserFactory.create(email="b@example.com", language="zh-hans").email,
    ]

    mail.add(key="sample", to=to, template=template, context=context)

    english, chinese = Email.objects.across_workspaces().order_by("to")
    assert not _CHINESE_LETTER.search(english.subject + english.text + english.html)
    assert _CHINESE_LETTER.search(chinese.subject)
    assert _ENGLISH.findall(chinese.subject + "\n" + chinese.text) == []
    assert _LINK.findall(chinese.text) == _LINK.findall(english.text)
    assert _LINK.findall(chinese.html) == _LINK.findall(english.html)
    assert [bool(line) for line in chinese.text.split("\n")] == [
        bool(line) for line in english.text.split("\n")
    ]
    if english.html:
        assert english.html.startswith('<!DOCTYPE html>\n<html lang="en">')
        assert chinese.html.startswith('<!DOCTYPE html>\n<html lang="zh-hans">')


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "subject", "text"),
    [
        (
            "en",
            "b@example.com has used 50 % of $2.00 a day (UTC)",
            "b@example.com has used $1.00 of $2.00 a day (UTC) in Acme 50 % {x} %(y)s.\n"
            "\n"
            "At the limit nothing new starts; what runs is finished.\n"
            "The count starts again on 9 Mar 2026, 14:05 UTC.\n"
            "\n"
            "Change budgets: http://testserver/w/acme/billing/budgets\n"
            "\n"
            "Modelyard\n",
        ),
        (
            "zh-hans",
            "b@example.com 已使用每天（UTC）$2.00 预算的 50%",
            "在工作区 Acme 50 % {x} %(y)s 中，b@example.com 已使用 $1.00，预算为每天（UTC）$2.00。\n"
            "\n"
            "达到上限后不再开始新任务；运行中的任务会继续完成。\n"
            "将于 2026 年 3 月 9 日 14:05（UTC）重新计算。\n"
            "\n"
            "更改预算：http://testserver/w/acme/billing/budgets\n"
            "\n"
            "Modelyard\n",
        ),
    ],
)
def test_whole_mail_letter_by_letter(language: str, subject: str, text: str) -> None:
    to = UserFactory.create(language=language).email

    mail.add(
        key="budget",
        to=[to],
        template="budget",
        context={**_BUDGET, "percent": 50, "counter": _DAY},
    )

    assert _written() == {to: (subject, text)}


@pytest.mark.django_db
def test_mail_says_in_the_readers_language_how_an_invoice_was_paid() -> None:
    to = UserFactory.create(language="zh-hans").email

    mail.add(
        key="invoice",
        to=[to],
        template="invoice",
        context={**_INVOICE, "kind": "Invoice", "paid_by": "Visa ending in 4242"},
    )

    assert "Visa 尾号 4242" in _written()[to][1]


# ----------------------------------------------------------------------------------- whose
@pytest.mark.django_db
def test_language_is_that_of_the_address_else_of_the_owner(workspace: Workspace) -> None:
    _speaks(owner_of(workspace), "zh-hans")
    UserFactory.create(email="English@example.com")
    addresses = ["english@EXAMPLE.com", "books@acme.example", owner_of(workspace).email]

    found = readers.languages(addresses=addresses, workspace_id=workspace.pk)
    nowhere = readers.languages(addresses=["books@acme.example"], workspace_id=None)

    assert found == dict(zip(addresses, ("en", "zh-hans", "zh-hans"), strict=True))
    assert nowhere == {"books@acme.example": "en"}


@pytest.mark.django_db
def test_language_of_the_page_that_causes_a_mail_is_not_the_readers(workspace: Workspace) -> None:
    with translation.override("zh-hans"):
        tell(workspace)

    ((subject, _),) = _written().values()
    assert subject == f"Midjourney account banned: {workspace.name}"


@pytest.mark.django_db
def test_accounting_of_a_chinese_company_reads_chinese(workspace: Workspace) -> None:
    person = _speaks(owner_of(workspace), "zh-hans")
    BillingProfile.objects.create(workspace=workspace, email="books@acme.example")

    mail.add(
        key="low",
        to=recipients(workspace_id=workspace.pk),
        template="low_balance",
        context={"workspace": workspace, "balance": "$1.00"},
        workspace_id=workspace.pk,
    )

    words = f"{workspace.name} 余额不足：$1.00"
    assert {to: subject for to, (subject, _) in _written().items()} == {
        person: words,
        "books@acme.example": words,
    }


# ------------------------------------------------------------------------ one event, many readers
@pytest.mark.django_db
def test_each_reads_of_one_event_in_their_language_and_once(workspace: Workspace) -> None:
    english = owner_of(workspace).email
    admin = member(workspace, "admin")
    chinese = _speaks(admin, "zh-hans")
    sentence = "The provider has blocked Studio."

    assert tell(workspace, message=sentence)
    first = _written()
    _speaks(admin, "en")
    assert not tell(workspace, message=sentence)

    assert _written() == first
    assert {to: subject for to, (subject, _) in first.items()} == {
        english: f"Midjourney account banned: {workspace.name}",
        chinese: f"Midjourney 账号被封禁：{workspace.name}",
    }
    assert first[english][1].startswith("The provider has blocked Studio.\n\n")
    assert first[chinese][1].startswith("提供商已封禁 Studio。\n\n")


@pytest.mark.django_db
def test_repeated_cause_writes_nothing_after_the_reader_has_changed_the_language() -> None:
    person = UserFactory.create()
    context = {"workspace": _ACME, "balance": "$1.00"}

    mail.add(key="low", to=[person.email], template="low_balance", context=context)
    _speaks(person, "zh-hans")
    mail.add(key="low", to=[person.email], template="low_balance", context=context)

    ((subject, _),) = [(row.subject, row.to) for row in Email.objects.across_workspaces()]
    assert subject == f"The balance of {_ACME.name} is low: $1.00"


@pytest.mark.django_db
def test_collected_mail_says_stored_sentences_in_each_language(workspace: Workspace) -> None:
    english = owner_of(workspace).email
    chinese = _speaks(member(workspace, "admin"), "zh-hans")
    for n in range(2):
        noisy(workspace, n)
    tell(
        workspace,
        type="mj_penalty_triggered",
        key="penalty",
        message="Relax task 7 of today: above 5 a day they cost double.",
        detail={},
    )

    jobs.digest()
    jobs.digest()

    found = _written(kind="account_event_digest")
    assert {to: subject for to, (subject, _) in found.items()} == {
        english: f"3 notifications: {workspace.name}",
        chinese: f"3 条通知：{workspace.name}",
    }
    assert "1 × Midjourney penalty\n    Relax task 7 of today" in found[english][1]
    assert "2 × 任务转为按量付费\n    Number 1." in found[chinese][1]
    assert "1 × Midjourney 惩罚\n    今天第 7 个慢速任务：" in found[chinese][1]


@pytest.mark.django_db
def test_html_of_a_chinese_mail_is_escaped_once(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(name="A & B")
    _speaks(owner_of(workspace), "zh-hans")

    tell(workspace, message="The provider has blocked <b> & Co.")

    html = Email.objects.across_workspaces().get().html
    assert "<h1>Midjourney 账号被封禁：A &amp; B</h1>" in html
    assert "<p>提供商已封禁 &lt;b&gt; &amp; Co。</p>" in html
