"""Conversations over the API: the stream's shape, what is kept, what is told to the model, what a round costs."""

from typing import Any

from apps.llm.models import Conversation, Message
from tests.llm.conversations.talking import Talking
from tests.llm.service import events

CREATE, ROUND = 300_000, 100_000


def test_a_conversation_streams_in_the_contracts_shape(talking: Talking) -> None:
    answer = talking.create("Hi")

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = events(answer.text)
    assert found[-1] == "[DONE]"
    last = found[-2]
    conversation = Conversation.objects.of(talking.service.workspace.pk).get()
    asked, answered = Message.objects.of(talking.service.workspace.pk).order_by("number")
    message = last["message"]
    assert last == {
        "message": {
            "id": str(answered.pk),
            "author": {"role": "assistant", "name": None, "metadata": {}},
            "create_time": answered.created_at.timestamp(),
            "update_time": message["update_time"],
            "content": {"content_type": "text", "parts": ["Hello there."]},
            "status": "finished_successfully",
            "end_turn": True,
            "weight": 1.0,
            "metadata": {
                "model_slug": "gpt-4o",
                "parent_id": str(asked.pk),
                "usage": {"type": "point", "frozen": CREATE, "consume": CREATE},
            },
            "recipient": "all",
        },
        "conversation_id": str(conversation.pk),
        "error": None,
    }
    first = found[0]["message"]
    assert (first["status"], first["end_turn"]) == ("in_progress", None)
    assert "Hello there.".startswith(first["content"]["parts"][0])
    assert (conversation.title, conversation.model) == ("Hi", "gpt-4o")
    assert (answered.text, answered.state, answered.points) == ("Hello there.", "finished", CREATE)


def test_the_first_answer_costs_the_conversation_each_other_a_round(talking: Talking) -> None:
    conversation = talking.begun("My name is Ada.")

    answer = talking.say(conversation, "What is my name?")

    assert events(answer.text)[-1] == "[DONE]"
    assert talking.asked()["messages"] == [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello there."},
        {"role": "user", "content": "What is my name?"},
    ]
    assert [row.points for row in talking.service.usage()] == [CREATE, ROUND]
    assert talking.service.spent() == CREATE + ROUND


def test_a_round_that_breaks_off_costs_nothing_and_says_so(talking: Talking) -> None:
    conversation = talking.begun()

    answer = talking.say(conversation, {"words": ["one ", "two"], "fault": "cut", "after": 2})

    last = events(answer.text)[-2]
    assert last["error"]["type"] == "no_route"
    assert last["message"]["status"] == "in_progress"
    assert [row.points for row in talking.service.usage()] == [CREATE, 0]
    assert talking.service.spent() == CREATE
    failed = Message.objects.of(talking.service.workspace.pk).order_by("-number")[0]
    assert (failed.state, failed.points, failed.error_type) == ("failed", 0, "no_route")


def test_what_fails_before_it_begins_is_no_conversation(talking: Talking) -> None:
    answer = talking.create({"fault": "status:400", "message": "no"})

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request")
    assert not Conversation.objects.of(talking.service.workspace.pk).exists()
    assert talking.service.spent() == 0


def test_an_empty_answer_costs_nothing(talking: Talking) -> None:
    answer = talking.create({"words": [], "usage": "none"})

    assert answer.status_code == 503, answer.text
    assert "Nothing was charged" in answer.json()["message"]
    assert talking.service.spent() == 0


def test_a_round_is_a_task(talking: Talking) -> None:
    answer = talking.create("Hi")
    task = answer.headers["x-task-id"]

    data: dict[str, Any] = talking.get(f"task/{task}").json()["data"]

    message = events(answer.text)[-2]["message"]
    assert (data["task_id"], task) == (task, message["id"])
    assert (data["model"], data["task_type"], data["status"]) == (
        "gpt-4o",
        "conversation",
        "completed",
    )
    assert data["input"]["content"] == {"content_type": "text", "parts": ["Hi"]}
    assert data["output"]["text"] == "Hello there."
    assert data["meta"]["usage"] == {"type": "point", "frozen": CREATE, "consume": CREATE}
    assert data["error"] == {"code": 0, "raw_message": "", "message": "", "detail": None}
