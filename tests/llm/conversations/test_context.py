"""Which parts of files and of what was said go along with a question."""

from typing import Any

import pytest

from apps.catalog.llm.registry import llm_model
from apps.llm.services.conversations import context
from apps.llm.services.conversations.context import Material, Turn, chat_body
from apps.llm.services.conversations.excerpts import Text, cut, excerpt

FILLER = "\n".join(
    f"Section {n}. The committee met and noted the minutes of the meeting." for n in range(400)
)
BOOK = Text("book.txt", f"{FILLER}\nThe warranty period is twenty-four months.\n{FILLER}")


def test_the_part_that_shares_the_questions_words_goes_along() -> None:
    found = excerpt([BOOK], "How long is the warranty?", most_bytes=2_000)

    assert found.startswith("[book.txt]\n")
    assert "The warranty period is twenty-four months." in found
    assert len(found.encode()) <= 2_000


def test_a_text_that_fits_goes_along_whole_and_in_its_order() -> None:
    texts = [Text("a.txt", "Second things.\nFirst things."), Text("b.txt", "Other.")]

    found = excerpt(texts, "first", most_bytes=1_000)

    assert found == "[a.txt]\nSecond things.\nFirst things.\n[b.txt]\nOther."


def test_a_question_that_nothing_fits_gets_the_beginning() -> None:
    found = excerpt([BOOK], "Zusammenfassung", most_bytes=800)

    assert found.startswith("[book.txt]\nSection 0.")


@pytest.mark.parametrize("most_bytes", [0, 5, 100])
def test_there_may_be_room_for_nothing(most_bytes: int) -> None:
    assert excerpt([BOOK], "warranty", most_bytes=most_bytes) == ""


def test_long_lines_are_cut() -> None:
    parts = cut(f"{'word ' * 300}. {'x' * 2_000}")

    assert max(len(part) for part in parts) <= 1_400
    assert "".join(parts).replace("\n", "").count("x") == 2_000


def _body(material: Material, question: str = "What?", **fields: Any) -> dict[str, Any]:
    return chat_body(model=llm_model("local-chat"), material=material, question=question, **fields)


def test_instructions_files_history_and_question_in_this_order() -> None:
    material = Material(
        instructions="Be brief.",
        texts=[Text("a.txt", "The sky is green.")],
        notes=["[b.pdf] No text was found."],
        history=[Turn("user", "Hi"), Turn("assistant", "Hello")],
    )

    body = _body(material, "What colour is the sky?")

    assert body["messages"] == [
        {"role": "system", "content": "Be brief.\n\n[b.pdf] No text was found."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {
            "role": "user",
            "content": f"{context._RULE}\n\n[a.txt]\nThe sky is green.\n\n{context._THEN}What colour is the sky?",
        },
    ]
    assert body["temperature"] == 0.2


def test_without_anything_there_is_the_question_alone() -> None:
    body = _body(Material())

    assert body["messages"] == [{"role": "user", "content": "What?"}]


def test_all_of_it_keeps_within_a_small_window_and_loses_the_oldest_first() -> None:
    history = [
        Turn(role, f"{role} {n} " + "x" * 500) for n in range(40) for role in ("user", "assistant")
    ]
    model = llm_model("local-chat")

    body = _body(Material(texts=[BOOK], history=history), "How long is the warranty?")

    size = sum(len(one["content"].encode()) for one in body["messages"])
    assert size <= 3 * (model.context_tokens - body["max_tokens"])
    said = [one["content"].split(" x")[0] for one in body["messages"][:-1]]
    assert said[-1] == "assistant 39"
    assert said[0].startswith("user ")
    assert "twenty-four months" in body["messages"][-1]["content"]


def test_pictures_come_before_the_text() -> None:
    body = _body(Material(), "What is it?", pictures=["data:image/png;base64,AA=="])

    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "text", "text": "What is it?"},
    ]
