"""What a failure's words mean: sentences of Midjourney and of bridges, and words that only a customer wrote."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers import midjourney_words
from apps.providers.base import (
    AccountNeedsOwner,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.providers.wire import told

Why = ProviderRefused.Why
MODERATED, INVALID = (ProviderRefused, Why.MODERATED), (ProviderRefused, Why.INVALID)
LATER = (ProviderUnavailable, False, None)


def owner(need: Need) -> tuple[Any, ...]:
    return (AccountNeedsOwner, need)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Banned prompt detected", MODERATED),
        ("[Banned Prompt] Circumventing this filter may get your account banned", MODERATED),
        ("Banned word: gore", MODERATED),
        ("Request cancelled due to image filters", MODERATED),
        ("Sorry! Our AI moderator thinks this prompt is probably against our community standards.", MODERATED),
        ("This content was flagged", MODERATED),
        ("可能包含敏感词", MODERATED),
        ("Invalid parameter: --ar needs two numbers", INVALID),
        ("[Invalid parameter] Captcha is no parameter", INVALID),
        ("[invalid_parameter] The prompt word format is incorrect", INVALID),
        ("Invalid link", INVALID),
        ("Invalid prompt: empty", INVALID),
        ("Empty prompt", INVALID),
        ("Could not fetch the image at this URL", INVALID),
        ("参数错误", INVALID),
        ("Action needed to continue", owner(Need.CAPTCHA)),
        ("Please solve the CAPTCHA", owner(Need.CAPTCHA)),
        ("Verify that you are human", owner(Need.CAPTCHA)),
        ("cf challenge", owner(Need.CAPTCHA)),
        ("需要人机验证", owner(Need.CAPTCHA)),
        ("You have been blocked from accessing Midjourney", owner(Need.BANNED)),
        ("Your account has been banned for violating the community guidelines", owner(Need.BANNED)),
        ("Account temporarily suspended", owner(Need.BANNED)),
        ("Temporary ban until tomorrow", owner(Need.BANNED)),
        ("账号已被临时封锁", owner(Need.BANNED)),
        ("Subscription required", owner(Need.SUBSCRIPTION)),
        ("Your subscription has expired", owner(Need.SUBSCRIPTION)),
        ("Subscription paused", owner(Need.SUBSCRIPTION)),
        ("To go on, purchase a plan", owner(Need.SUBSCRIPTION)),
        ("订阅已过期", owner(Need.SUBSCRIPTION)),
        ("You have run out of hours", owner(Need.FAST_HOURS)),
        ("Your fast hours are used up", owner(Need.FAST_HOURS)),
        ("Credits exhausted", owner(Need.FAST_HOURS)),
        ("No fast time left", owner(Need.FAST_HOURS)),
        ("快速时长已用完", owner(Need.FAST_HOURS)),
        ("insufficient balance", owner(Need.BALANCE)),
        ("用户额度不足", owner(Need.BALANCE)),
        ("Queue full", LATER),
        ("Your queue is full. Please wait", LATER),
        ("Rate limit reached", LATER),
        ("HTTP 429: Too Many Requests", LATER),
        ("Please try again later", LATER),
        ("No available account", LATER),
        ("Relax mode is not available on this plan", LATER),
        ("队列已满，请稍后尝试", LATER),
        ("无可用的账号实例", LATER),
        ("Task timed out", (ProviderRefused, Why.TIMEOUT)),
        ("任务超时", (ProviderRefused, Why.TIMEOUT)),
        ("Cancelled by user", (ProviderRefused, Why.CANCELLED)),
        ("取消任务", (ProviderRefused, Why.CANCELLED)),
        ("Something went wrong", None),
        ("A cat in a blocked drain", None),
        ("", None),
    ],
)  # fmt: skip
def test_sentence_means(sentence: str, expected: Any):
    found = midjourney_words.failure(sentence)

    assert (told(found) if found else None) == expected


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("sentence", ["Captcha", "Your account is banned", "Queue is full"])
def test_an_error_says_whether_the_work_has_ended(sentence: str, ends: bool):
    found = midjourney_words.failure(sentence, ends_work=ends)

    assert found is not None
    assert found.ends_work is ends
    assert str(found) == sentence


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("your account is banned", "Failed: Your account is banned"),
        ("captcha art", "could not paint captcha"),
        ("a plan to purchase", "cannot paint: purchase"),
        ("run out of fast hours, neon", "cannot paint: run out of fast hours, ne..."),
    ],
)
def test_a_customers_own_words_decide_nothing(prompt: str, sentence: str):
    assert midjourney_words.failure(sentence, echoed=(prompt,)) is None


def test_words_beside_the_prompt_still_count():
    found = midjourney_words.failure(
        "Your account has been blocked. Prompt: a quiet port", echoed=("a quiet port", "")
    )

    assert told(found) == owner(Need.BANNED)


# ---------------------------------------------------------------------------------------- until when

NOW = 1_800_000_000.0


@pytest.fixture
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize(
    ("sentence", "until"),
    [
        ("You are blocked until <t:1800003600:R>", 1_800_003_600.0),
        ("You are blocked until <t:1800003600>", 1_800_003_600.0),
        ("You are banned until 2027-02-01", 1_801_440_000.0),
        ("You are banned until 2027-02-01 12:30", 1_801_485_000.0),
        ("You are banned until 2027-02-01T12:30:00Z", 1_801_485_000.0),
        ("You are banned until 2027-02-01T12:30:00+01:00", 1_801_481_400.0),
        ("You are banned for 24 hours", NOW + 86_400),
        ("You are banned for 14 days", NOW + 14 * 86_400),
        ("You are banned. Try in 30 minutes", NOW + 1800),
        # Over, absurd, or no date at all.
        ("You are banned until <t:1700000000:R>", None),
        ("You are banned until 2099-01-01", None),
        ("You are banned until 2027-19-39", None),
        ("You are banned for 9999 weeks", None),
        ("You are banned", None),
    ],
)
def test_a_ban_tells_its_end(sentence: str, until: float | None):
    found = midjourney_words.failure(sentence)

    assert isinstance(found, AccountNeedsOwner)
    assert (found.need, found.until) == (Need.BANNED, until)


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_words_come_to_something(sentence: str, prompt: str):
    found = midjourney_words.failure(sentence, echoed=(prompt,))

    assert found is None or str(found) == sentence


def test_long_words_are_read_quickly():
    sentence = "account " * 500 + "you " * 500

    started = time.process_time()
    midjourney_words.failure(sentence)

    assert time.process_time() - started < 1
