"""Files of conversations over the API: kept, paid for exactly, read into the next question, shown to models."""

import base64
from typing import Any

from django.core.files.storage import default_storage

from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry
from apps.billing.services import movements
from apps.files.models import StoredFile
from apps.llm.models import ConversationFile
from tests.llm.conversations import documents
from tests.llm.conversations.talking import Talking, text
from tests.llm.service import events

CREATE, ROUND, FILE = 300_000, 100_000, 10_000
PDF = documents.pdf("The Falcon kettle has a warranty of thirty months.", "It weighs 900 grams.")


def _uploaded(talking: Talking) -> tuple[str, dict[str, Any]]:
    conversation = talking.begun()
    answer = talking.upload(conversation, "kettle.pdf", PDF)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return conversation, data


def test_an_uploaded_pdf_is_what_the_answer_is_taken_from(talking: Talking) -> None:
    conversation, data = _uploaded(talking)

    talking.say(conversation, "How long is the warranty of the kettle?")

    file = ConversationFile.objects.of(talking.service.workspace.pk).get()
    assert data == {
        "file_name": "kettle.pdf",
        "file_id": f"file-{file.pk.hex}",
        "file_size": len(PDF),
        "mime_type": "application/pdf",
        "pages": 2,
        "characters": len(file.text),
        "note": "",
    }
    question = talking.asked()["messages"][-1]["content"]
    assert "[kettle.pdf]\nThe Falcon kettle has a warranty of thirty months." in question
    assert question.endswith("How long is the warranty of the kettle?")
    assert talking.service.spent() == CREATE + FILE + ROUND


def test_a_file_comes_as_json_too(talking: Talking) -> None:
    conversation = talking.begun()
    data = "data:text/plain;base64," + base64.b64encode(b"Hello file").decode()

    answer = talking.post(
        f"conversation/{conversation}/file", {"file_name": "a.txt", "file_data": data}
    )

    assert answer.json()["data"]["characters"] == 10


def test_each_download_is_paid_for(talking: Talking) -> None:
    conversation, data = _uploaded(talking)
    path = f"conversation/{conversation}/file/{data['file_id']}"

    answers = [talking.get(path) for _ in range(2)]

    assert [answer.content for answer in answers] == [PDF, PDF]
    assert answers[0].headers["content-type"] == "application/pdf"
    assert answers[0].headers["content-disposition"] == "attachment; filename*=UTF-8''kettle.pdf"
    assert talking.service.spent() == CREATE + 3 * FILE
    captured = CreditEntry.objects.of(talking.service.workspace.pk).filter(
        kind="CAPTURE", reference__startswith="gpts:"
    )
    assert captured.count() == 3


def test_without_credits_nothing_is_kept(talking: Talking) -> None:
    conversation = talking.begun()
    talking.service.settled()
    _spend(talking.service.workspace, 10_000_000 - CREATE - FILE + 1)

    answer = talking.upload(conversation, "kettle.pdf", PDF)

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "insufficient_credits")
    assert not ConversationFile.objects.of(talking.service.workspace.pk).exists()
    assert not StoredFile.objects.of(talking.service.workspace.pk).exists()


def _spend(workspace: Workspace, points: int) -> None:
    movements.adjust(
        workspace_id=workspace.pk,
        points=-points,
        reference="adjustment:test",
        note="test",
        actor=None,
    )


def test_a_picture_is_shown_to_a_model_that_sees(talking: Talking) -> None:
    conversation = talking.begun()
    file = talking.upload(conversation, "dot.png", documents.PNG).json()["data"]
    assert (file["width"], file["height"]) == (1, 1)

    answer = talking.say(conversation, **_showing(file["file_id"]))

    assert events(answer.text)[-1] == "[DONE]"
    picture, question = talking.asked()["messages"][-1]["content"]
    url = f"data:image/png;base64,{base64.b64encode(documents.PNG).decode()}"
    assert picture == {"type": "image_url", "image_url": {"url": url}}
    assert question == {"type": "text", "text": "What is it?"}


def _showing(file_id: str) -> dict[str, Any]:
    pointer = {
        "content_type": "image_asset_pointer",
        "asset_pointer": f"file-service://{file_id}",
        "size_bytes": 70,
        "width": 1,
        "height": 1,
    }
    return {
        "content": {"content_type": "multimodal_text", "parts": [pointer, "What is it?"]},
        "metadata": {"attachments": [{"name": "dot.png", "id": file_id, "mimeType": "image/png"}]},
    }


def test_a_model_that_sees_nothing_says_so(talking: Talking) -> None:
    conversation = talking.begun(model="gpt-4")
    file = talking.upload(conversation, "dot.png", documents.PNG).json()["data"]

    answer = talking.say(conversation, **_showing(file["file_id"]))

    assert answer.status_code == 400
    assert "cannot see pictures" in answer.json()["message"]


def test_named_files_alone_are_read(talking: Talking) -> None:
    conversation, _ = _uploaded(talking)
    other = talking.upload(conversation, "note.txt", b"A note about something else.").json()["data"]

    talking.post(
        f"conversation/{conversation}",
        {**text("What about the kettle?"), "metadata": {"attachments": [{"id": other["file_id"]}]}},
    )

    question = talking.asked()["messages"][-1]["content"]
    assert "[note.txt]" in question
    assert "[kettle.pdf]" not in question


def test_what_the_files_are_kept_in_goes_with_the_conversation(talking: Talking) -> None:
    from apps.llm.services.conversations import files

    conversation, _ = _uploaded(talking)
    stored = StoredFile.objects.of(talking.service.workspace.pk).get()

    files.remove_conversation(
        workspace_id=talking.service.workspace.pk, conversation_id=conversation
    )

    assert not default_storage.exists(stored.key)
    assert talking.say(conversation).status_code == 404


def test_there_is_no_sandbox(talking: Talking) -> None:
    conversation = talking.begun()

    answer = talking.get(f"conversation/{conversation}/sandbox?path=/mnt/data/a.csv")

    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")
    assert "has no sandbox" in answer.json()["message"]
