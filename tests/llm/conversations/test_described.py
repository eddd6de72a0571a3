"""What conversations answer is what the OpenAPI document says of it."""

from typing import Any

import jsonschema
import orjson
import pytest

from apps.api.openapi.document import document
from tests.llm.conversations import documents
from tests.llm.conversations.talking import Talking
from tests.llm.service import events


@pytest.fixture
def described() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(document())
    return found


def test_answers_are_as_the_document_says(described: dict[str, Any], talking: Talking) -> None:
    def check(name: str, data: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        jsonschema.Draft202012Validator(schema).validate(data)

    answer = talking.create("Hi")
    for event in events(answer.text)[:-1]:
        check("ConversationEvent", event)
    conversation = events(answer.text)[-2]["conversation_id"]
    check("TaskAnswer", talking.get(f"task/{answer.headers['x-task-id']}").json())
    for name, data in (("a.pdf", documents.pdf("Text")), ("a.png", documents.PNG)):
        check("ConversationFileAnswer", talking.upload(conversation, name, data).json())
    check("Error404", talking.get("task/none").json())
    failed = talking.say(conversation, {"words": ["one"], "fault": "cut", "after": 1})
    check("ConversationEvent", events(failed.text)[-2])
    last = events(failed.text)[-2]["message"]["id"]
    check("TaskAnswer", talking.get(f"task/{last}").json())
