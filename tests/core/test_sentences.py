"""Sentences of the domain: English for programs, the reader's language on pages."""

import pytest
from django.utils import translation

from apps.core.errors import InvalidRequest
from apps.core.sentences import Sentence, said, sentence


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {
        "At most {count} {what}.": "最多 {count} 个{what}。",
        "keys": "密钥",
        "Gone.": "没有了。",
        "{field}: {problem}": "{field}：{problem}",
    }
    monkeypatch.setattr("apps.core.sentences.gettext", lambda text: words.get(text, text))


def test_a_sentence_is_english_text() -> None:
    made = sentence("At most {count} {what}.", count=3, what=sentence("keys"))

    assert made == "At most 3 keys."
    assert isinstance(made, str)
    assert f"{made}!" == "At most 3 keys.!"


def test_said_in_the_language_of_the_page_with_what_is_in_it() -> None:
    made = sentence("At most {count} {what}.", count=3, what=sentence("keys"))

    assert said(made) == "最多 3 个密钥。"


def test_stored_text_is_known_as_a_whole_and_else_left() -> None:
    assert said("Gone.") == "没有了。"
    assert said("The provider said no.") == "The provider said no."
    assert said("") == ""


def test_braces_without_values_stay() -> None:
    assert sentence("Send {} as JSON.") == "Send {} as JSON."
    assert said(sentence("Send {} as JSON.")) == "Send {} as JSON."


def test_a_refusal_keeps_its_words_apart_from_the_field() -> None:
    error = InvalidRequest.field("url", sentence("Gone."))

    assert error.message == "url: Gone."
    assert isinstance(error.words, Sentence)
    assert said(error.words) == "没有了。"
    assert said(error.message) == "url：没有了。"


def test_english_pages_say_what_programs_get() -> None:
    with translation.override("en"):
        assert said(sentence("Nothing of the kind {n}.", n=1)) == "Nothing of the kind 1."
