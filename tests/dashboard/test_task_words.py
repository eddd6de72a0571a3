"""What was stored in English, as pages in another language say it."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from apps.core.sentences import sentence
from apps.dashboard.task_words import told

_WORDS = {
    "An input could not be fetched.": "输入无法获取。",
    "The URL's server answered {status}.": "服务器返回 {status}。",
    "The file is larger than {most} MB.": "文件超过 {most} MB。",
    "The provider rejected the prompt: {said}": "提供商拒绝了提示词：{said}",
    "Nothing was charged.": "未扣费。",
}


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in ("apps.core.sentences", "apps.dashboard.task_words"):
        monkeypatch.setattr(f"{module}.gettext", lambda text: _WORDS.get(text, text))
    with translation.override("zh-hans"):
        yield


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("", ""),
        ("Nothing was charged.", "未扣费。"),
        (
            "An input could not be fetched. The URL's server answered 404. Nothing was charged.",
            "输入无法获取。服务器返回 404。未扣费。",
        ),
        ("The provider rejected the prompt: No. Not this.", "提供商拒绝了提示词：No. Not this."),
        ("Out of paint. Nothing was charged.", "Out of paint. 未扣费。"),
        ("Out of paint. Try 2.5 l.", "Out of paint. Try 2.5 l."),
        ("The file {0} is gone.", "The file {0} is gone."),
    ],
)
def test_told_as_far_as_it_is_known(stored: str, expected: str) -> None:
    assert told(stored) == expected


def test_a_sentence_that_was_not_stored_is_said_whole() -> None:
    assert told(sentence("The file is larger than {most} MB.", most=20)) == "文件超过 20 MB。"


def test_english_pages_say_what_is_stored() -> None:
    with translation.override("en"):
        assert told("Nothing was charged.") == "Nothing was charged."
