"""An answer whose gateway is gone ends, and the conversation goes on."""

from datetime import timedelta

from django.utils import timezone

from apps.llm.models import Message
from apps.llm.services.conversations import rounds
from apps.llm.services.conversations.preparing import Opening
from tests.factories import identity
from tests.llm.conversations.talking import Talking
from tests.llm.service import events


def test_an_answer_without_a_gateway_ends_when_the_next_is_asked(talking: Talking) -> None:
    who = identity(talking.service.workspace)
    conversation = rounds.open_conversation(identity=who, opening=Opening("gpt-4o"))
    common = {"workspace_id": who.workspace_id, "conversation": conversation}
    Message.objects.create(**common, number=1, role="user", text="First")
    lost = Message.objects.create(
        **common,
        number=2,
        role="assistant",
        state="writing",
        text="Half",
        beat_at=timezone.now() - timedelta(minutes=2),
    )
    task = talking.get(f"task/{lost.pk}").json()["data"]
    assert (task["status"], task["error"]["code"]) == ("failed", 11006)

    answer = talking.say(str(conversation.pk), "Second")

    assert events(answer.text)[-1] == "[DONE]"
    lost.refresh_from_db()
    assert (lost.state, lost.error_type, lost.points) == ("failed", "internal_error", 0)
    said = [one["content"] for one in talking.asked()["messages"]]
    assert said == ["First", "Half", "Second"]
