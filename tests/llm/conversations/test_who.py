"""Who may talk, to what, and whose conversations they reach."""

from typing import Any

import pytest

from apps.accounts.models import Plan, Workspace
from apps.accounts.selectors import forget_believed_keys
from apps.llm.models import Assistant, Conversation, Message
from apps.llm.services.conversations import assistants, rounds
from apps.llm.services.conversations.extraction import extracted
from apps.llm.services.conversations.preparing import Opening
from tests.factories import WorkspaceFactory, api_key, identity
from tests.factories.byoa import own_account, seats
from tests.llm.conversations.talking import Talking, text
from tests.llm.service import asking, events

CREATE = 300_000


def _plan(workspace: Workspace, plan: str) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(plan=plan)
    forget_believed_keys()


def _assistant(workspace: Workspace, model: str = "gpt-4o") -> Assistant:
    who = identity(workspace)
    made = assistants.create(
        identity=who, terms=assistants.Terms("Kettles", "You are an expert on kettles.", model)
    )
    found = extracted(name="kettle.txt", data=b"The Falcon kettle holds 1.7 litres.")
    assistants.add_file(identity=who, public_id=made.public_id, found=found)
    return made


def test_public_gpts_are_for_developers(talking: Talking) -> None:
    _plan(talking.service.workspace, Plan.HOBBYIST)

    answer = talking.create("Hi", "gpt-4.1")

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == 10300
    assert not Conversation.objects.of(talking.service.workspace.pk).exists()


def test_models_of_this_machine_are_for_everybody(own_models: None, talking: Talking) -> None:
    _plan(talking.service.workspace, Plan.HOBBYIST)

    conversation = talking.begun("Hi", "local-chat")

    [row] = talking.service.usage()
    assert (row.model, row.provider) == ("local-chat", "local")
    # Ten tokens read at 0.01 and three written at 0.02 US$ a million, rounded up.
    assert (row.points, talking.service.spent()) == (2, 2)
    assert talking.say(conversation).status_code == 200


def test_own_accounts_are_for_every_plan_and_cost_nothing(talking: Talking) -> None:
    workspace = talking.service.workspace
    seats(workspace, "gpts")
    own_account(
        workspace, "gpts", provider="openai", base_url=talking.service.provider.url, slots=5
    )
    Workspace.objects.filter(pk=workspace.pk).update(private_families=["gpts"])
    _plan(workspace, Plan.HOBBYIST)

    conversation = talking.begun("Hi", "gpt-4o")
    talking.upload(conversation, "a.txt", b"text")

    [row] = talking.service.usage()
    assert (row.service_mode, row.points) == ("private", 0)
    assert talking.service.spent() == 0
    [answer] = Message.objects.of(workspace.pk).filter(role="assistant")
    task = talking.get(f"task/{answer.pk}").json()["data"]
    assert task["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}
    assert task["meta"]["is_using_private_pool"] is True


def test_private_without_a_seat_is_refused(talking: Talking) -> None:
    answer = talking.post(
        "conversation", {"model": "gpt-4o", **text()}, **{"x-service-mode": "private"}
    )

    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "no_seat")


def test_too_little_credit_makes_no_conversation(talking: Talking) -> None:
    poor = WorkspaceFactory.create(points=CREATE - 1)
    talking.key = api_key(poor)

    answer = talking.create()

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "insufficient_credits")
    assert not Conversation.objects.of(poor.pk).exists()


def test_nobody_reaches_a_neighbours_conversation(talking: Talking) -> None:
    conversation = talking.begun()
    file = talking.upload(conversation, "a.txt", b"secret").json()["data"]["file_id"]
    [answer] = Message.objects.of(talking.service.workspace.pk).filter(role="assistant")
    mine = _assistant(talking.service.workspace)
    talking.key = api_key(WorkspaceFactory.create())

    refused = [
        talking.say(conversation),
        talking.upload(conversation, "b.txt", b"x"),
        talking.get(f"conversation/{conversation}/file/{file}"),
        talking.get(f"conversation/{conversation}/sandbox?path=a"),
        talking.get(f"task/{answer.pk}"),
        talking.create("Hi", "gpt-4-gizmo", gizmo_id=mine.public_id),
        talking.say("no-id"),
        talking.get("task/no-id"),
    ]

    assert [(one.status_code, one.json()["error"]["code"]) for one in refused] == [(404, 10400)] * 8


def test_an_assistant_answers_with_its_instructions_files_and_model(talking: Talking) -> None:
    made = _assistant(talking.service.workspace)

    talking.begun("How much does the kettle hold?", "gpt-4-gizmo", gizmo_id=made.public_id)

    asked = talking.asked()
    assert asked["model"] == "gpt-4o"
    system, question = asked["messages"]
    assert system == {"role": "system", "content": "You are an expert on kettles."}
    assert "[kettle.txt]\nThe Falcon kettle holds 1.7 litres." in question["content"]
    conversation = Conversation.objects.of(talking.service.workspace.pk).get()
    assert (conversation.model, conversation.gizmo_id) == ("gpt-4-gizmo", made.public_id)
    assert talking.service.spent() == CREATE


def test_an_assistant_answers_chat_completions_by_its_models_tokens(talking: Talking) -> None:
    made = _assistant(talking.service.workspace, "gpt-4o-mini")
    name = f"gpt-4-gizmo-{made.public_id}"

    answer = talking.service.post("chat/completions", {**asking("Hi"), "model": name})

    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == name
    system, question = talking.asked()["messages"]
    assert system == {"role": "system", "content": "You are an expert on kettles."}
    assert "The Falcon kettle holds 1.7 litres." in question["content"]
    assert question["content"].endswith("Hi")
    [row] = talking.service.usage()
    assert (row.model, row.points) == ("gpt-4o-mini", 25)


def test_a_gpt_of_nobodys_is_not_found(talking: Talking) -> None:
    answer = talking.create("Hi", "gpt-4-gizmo", gizmo_id="g-3w1rEXGE0")

    assert answer.status_code == 404
    assert "There is no assistant g-3w1rEXGE0 in this workspace" in answer.json()["message"]
    assert talking.service.spent() == 0


def test_one_answer_at_a_time(talking: Talking) -> None:
    who = identity(talking.service.workspace)
    conversation = rounds.open_conversation(identity=who, opening=Opening("gpt-4o"))
    Message.objects.create(
        workspace_id=who.workspace_id,
        conversation=conversation,
        number=2,
        role="assistant",
        state="writing",
    )

    answer = talking.say(str(conversation.pk))

    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "concurrency_exceeded")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**text()}, "model"),
        ({"model": "gpt-4o"}, "content"),
        (
            {"model": "gpt-4o", "content": {"content_type": "code", "parts": ["x"]}},
            "content.content_type",
        ),
        ({"model": "gpt-4o", "content": {"content_type": "text", "parts": []}}, "content.parts"),
        ({"model": "gpt-4o", "content": {"content_type": "text", "parts": [" "]}}, "content.parts"),
        (
            {"model": "gpt-4o", "content": {"content_type": "multimodal_text", "parts": [1]}},
            "content.parts",
        ),
        ({"model": "gpt-4-gizmo", **text()}, "gizmo_id"),
        ({"model": "text-embedding-3-small", **text()}, "model"),
        ({"model": "no-such", **text()}, "model"),
    ],
)
def test_what_is_no_question_is_refused(talking: Talking, body: dict[str, Any], field: str) -> None:
    answer = talking.post("conversation", body)

    assert (answer.status_code, answer.json()["error"]["detail"]["field"]) == (400, field)
    assert answer.json()["code"] == 400


def test_other_methods_and_paths_answer_in_the_envelope(talking: Talking) -> None:
    wrong = talking.get("conversation")
    unknown = talking.get("nothing")
    talking.key = "wrong"
    stranger = talking.get("task/x")

    assert [one.json()["code"] for one in (wrong, unknown, stranger)] == [405, 404, 401]


def test_a_stream_that_is_left_keeps_what_came_and_is_charged(talking: Talking) -> None:
    service = talking.service
    conversation = talking.begun()
    script = {"words": ["one ", "two ", "three"], "delay": 0.3}
    with service.client.stream(
        "POST",
        f"{service.url}/api/chatgpt/v1/conversation/{conversation}",
        json=text(script),
        headers={"x-api-key": talking.key},
    ) as response:
        next(response.iter_lines())

    rows = service.usage_when(2)
    assert (rows[1].end, rows[1].points) == ("client_left", 100_000)
    assert service.spent() == CREATE + 100_000
    answer = Message.objects.of(service.workspace.pk).order_by("-number")[0]
    assert (answer.state, answer.text, answer.points) == ("stopped", "one ", 100_000)
    # The conversation goes on from what there is.
    assert events(talking.say(conversation, "And?").text)[-1] == "[DONE]"
    assert talking.asked()["messages"][-2] == {"role": "assistant", "content": "one "}
