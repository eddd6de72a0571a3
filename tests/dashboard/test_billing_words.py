"""What billing's rows keep in English is known again on pages, and nothing else is taken for it."""

import inspect
from collections.abc import Iterator

import pytest
from django.utils import translation

from apps.billing import words
from apps.dashboard.billing_words import kept, paid_with

_CHINESE = {
    "Received {received} of {wanted}; it is credited.": "共 {wanted}，已收到 {received}。",
    "{network} was reorganised and no longer has this transfer.": "{network} 发生重组。",
    "Local test chain": "本地测试链",
    "Referral: {what}": "推荐：{what}",
    "first top-up": "首次充值",
    "The payment went back.": "付款已退回。",
    "{brand} ending in {last4}": "{brand} 尾号 {last4}",
    "{token} on {network}": "{network} 上的 {token}",
}


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def said(text: str) -> str:
        return _CHINESE.get(text, text)

    monkeypatch.setattr("apps.core.sentences.gettext", said)
    monkeypatch.setattr("apps.dashboard.billing_words.gettext", said)
    with translation.override("zh-hans"):
        yield


def test_whatever_rows_may_keep_is_listed() -> None:
    makers = [
        one
        for _, one in inspect.getmembers(words, inspect.isfunction)
        if one.__module__ == words.__name__
    ]
    made = [one(**dict.fromkeys(inspect.signature(one).parameters, 0)) for one in makers]

    assert len(made) > 5
    assert {one.pattern for one in made} == {*words.KEPT, *words.METHODS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.received_part(received=50_000_000, wanted=200_000_000), "共 $20.00，已收到 $5.00。"),
        (words.reorganised(network="Local test chain"), "本地测试链 发生重组。"),
        (words.of_referral(what="first top-up"), "推荐：首次充值"),
        (words.of_referral(what="The payment went back."), "推荐：付款已退回。"),
        ("The payment went back.", "付款已退回。"),
        ("", ""),
    ],
)
def test_kept_sentences(text: str, expected: str) -> None:
    assert kept(str(text)) == expected


def test_ways_to_pay() -> None:
    assert paid_with("Visa ending in 4242") == "Visa 尾号 4242"
    assert paid_with("USDC on Local test chain") == "本地测试链 上的 USDC"


@pytest.mark.parametrize(
    "text", ["Your card ending in 4242 was declined.", "Declined on Monday", "You know {why}."]
)
def test_what_a_bank_says_stays(text: str) -> None:
    assert kept(text) == text


def test_english_pages_say_what_is_kept() -> None:
    with translation.override("en"):
        assert kept("The payment went back.") == "The payment went back."
        assert paid_with("Visa ending in 4242") == "Visa ending in 4242"
