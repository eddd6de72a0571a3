"""Pages of conversations and assistants. What streams is in tests/llm/conversations and tests/e2e."""

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import Plan, Workspace
from apps.billing.models import Wallet
from apps.files.models import StoredFile
from apps.llm.models import Assistant, AssistantFile, Conversation, ConversationFile, Message
from apps.llm.services.conversations import files, rounds
from apps.llm.services.conversations.preparing import Opening
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, identity, owner_of
from tests.factories.byoa import account, own_account
from tests.llm.conversations import documents

FILE = 10_000


@pytest.fixture(autouse=True)
def _model(settings: Any) -> None:
    settings.LOCAL_MODELS_URL = "http://local-models"


def _begun(workspace: Workspace, model: str = "local-chat") -> Conversation:
    return rounds.open_conversation(identity=identity(workspace), opening=Opening(model))


def _answered(conversation: Conversation, text: str = "An answer", **fields: Any) -> None:
    common = {"workspace_id": conversation.workspace_id, "conversation": conversation}
    Message.objects.create(**common, number=1, role="user", text="A question")
    Message.objects.create(**common, number=2, role="assistant", text=text, **fields)


def _path(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/{rest}"


def _upload(name: str, data: bytes) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, data)}


def test_a_conversation_is_begun_and_costs_nothing_yet(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_path(workspace, "conversations/begin"), {"with_whom": "local-chat"})

    made = Conversation.objects.of(workspace.pk).get()
    assert answer.headers["Location"] == _path(workspace, f"conversations/{made.pk}")
    assert (made.model, made.created_by) == ("local-chat", owner_of(workspace))
    assert Wallet.objects.of(workspace.pk).get().available == 10_000_000
    page = owner.get(answer.headers["Location"]).content.decode()
    assert "Nothing was said yet." in page
    assert f'data-say="/w/{workspace.slug}/conversations/{made.pk}/stream"' in page


def _offered(client: Client, workspace: Workspace) -> list[str]:
    form = client.get(_path(workspace, "conversations")).context["form"]
    groups = dict(form.fields["with_whom"].choices)
    return [value for value, _ in groups.get("Models", [])]


def test_what_is_offered_is_what_would_answer(workspace: Workspace, owner: Client) -> None:
    assert _offered(owner, workspace) == ["local-chat"]

    account(provider="openai", base_url="https://api.openai.com")

    found = _offered(owner, workspace)
    assert found[0] == "local-chat"
    assert {"gpt-4o", "gpt-4o-mini"} < set(found)
    assert not any(name.startswith(("claude", "gpt-4-gizmo")) for name in found)


def test_a_small_plan_is_offered_models_of_this_machine_or_its_own(settings: Any, db: None) -> None:
    workspace = WorkspaceFactory.create(plan=Plan.HOBBYIST)
    client = browser(owner_of(workspace))
    account(provider="openai", base_url="https://api.openai.com")
    assert _offered(client, workspace) == ["local-chat"]

    own_account(workspace, "gpts", provider="openai", base_url="https://api.openai.com")
    Workspace.objects.filter(pk=workspace.pk).update(private_families=["gpts"])

    assert "gpt-4o" in _offered(client, workspace)


def test_with_nobody_to_answer_the_page_says_so(
    workspace: Workspace, owner: Client, settings: Any
) -> None:
    settings.LOCAL_MODELS_URL = ""

    page = owner.get(_path(workspace, "conversations")).content.decode()

    assert "Nobody can answer now" in page


def test_messages_are_shown_with_what_they_cost(workspace: Workspace, owner: Client) -> None:
    conversation = _begun(workspace)
    _answered(conversation, "<b>bold</b>", points=100_000)

    page = owner.get(_path(workspace, f"conversations/{conversation.pk}")).content.decode()

    assert "A question" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "$0.01" in page
    assert 'hx-trigger="tick-fast' not in page


def test_an_answer_that_is_being_written_is_asked_for_again(
    workspace: Workspace, owner: Client
) -> None:
    conversation = _begun(workspace)
    _answered(conversation, "Half an", state="writing")

    part = owner.get(
        _path(workspace, f"conversations/{conversation.pk}"), headers={"HX-Request": "true"}
    ).content.decode()

    assert part.lstrip().startswith("<div")
    assert 'hx-trigger="tick-fast from:body"' in part
    assert "Being written…" in part


def test_a_pdf_is_added_and_paid_for(workspace: Workspace, owner: Client) -> None:
    conversation = _begun(workspace)
    path = _path(workspace, f"conversations/{conversation.pk}")

    answer = owner.post(f"{path}/files", _upload("a.pdf", documents.pdf("Some text")))

    assert answer.headers["Location"] == path
    file = ConversationFile.objects.of(workspace.pk).get()
    assert (file.name, file.text, file.pages) == ("a.pdf", "Some text", 1)
    assert Wallet.objects.of(workspace.pk).get().available == 10_000_000 - FILE
    assert "9 characters read" in owner.get(path).content.decode()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.exe", b"MZ", "Files of this kind are not read"),
        ("a.txt", b"", "The submitted file is empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_beside_its_field(
    workspace: Workspace, owner: Client, name: str, data: bytes, words: str
) -> None:
    conversation = _begun(workspace)

    answer = owner.post(
        _path(workspace, f"conversations/{conversation.pk}/files"), _upload(name, data)
    )

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ConversationFile.objects.of(workspace.pk).exists()


def test_a_conversation_is_deleted_with_its_files(workspace: Workspace, owner: Client) -> None:
    conversation = _begun(workspace)
    path = _path(workspace, f"conversations/{conversation.pk}")
    owner.post(f"{path}/files", _upload("a.txt", b"text"))
    stored = StoredFile.objects.of(workspace.pk).get()
    assert owner.get(f"{path}/delete").status_code == 200

    owner.post(f"{path}/delete")

    assert not Conversation.objects.of(workspace.pk).exists()
    assert not default_storage.exists(stored.key)
    assert owner.get(path).status_code == 404


def test_what_has_had_its_time_is_forgotten(workspace: Workspace) -> None:
    old, young = _begun(workspace), _begun(workspace)
    Conversation.objects.of(workspace.pk).filter(pk=old.pk).update(expires_at=old.created_at)

    files.forget()

    assert Conversation.objects.of(workspace.pk).get() == young


def test_an_assistant_is_made_changed_and_deleted(workspace: Workspace, owner: Client) -> None:
    form = {"name": "Kettles", "model": "local-chat", "instructions": "You know kettles."}

    answer = owner.post(_path(workspace, "assistants/new"), form)

    made = Assistant.objects.of(workspace.pk).get()
    path = _path(workspace, f"assistants/{made.public_id}")
    assert answer.headers["Location"] == path
    assert (made.name, made.model, made.instructions) == tuple(form.values())
    assert f"gpt-4-gizmo-{made.public_id}" in owner.get(path).content.decode()
    owner.post(path, form | {"name": "Pots"})
    made.refresh_from_db()
    assert made.name == "Pots"
    owner.post(f"{path}/files", _upload("a.txt", b"All about pots"))
    file = AssistantFile.objects.of(workspace.pk).get()
    assert "a.txt" in owner.get(path).content.decode()
    owner.post(f"{path}/files/{file.public_id}/remove")
    assert not StoredFile.objects.of(workspace.pk).exists()
    owner.post(f"{path}/delete")
    assert not Assistant.objects.of(workspace.pk).exists()


@pytest.mark.parametrize(
    "changed", [{"name": " "}, {"model": "no-such"}, {"instructions": "x" * 20_001}]
)
def test_an_assistant_that_cannot_be_is_refused(
    workspace: Workspace, owner: Client, changed: dict[str, str]
) -> None:
    form = {"name": "Kettles", "model": "local-chat", "instructions": ""}

    answer = owner.post(_path(workspace, "assistants/new"), form | changed)

    assert answer.status_code == 422
    assert not Assistant.objects.of(workspace.pk).exists()


def test_nobody_reaches_a_neighbours_pages(workspace: Workspace, owner: Client) -> None:
    theirs = WorkspaceFactory.create()
    conversation = _begun(theirs)
    owner.post(_path(workspace, "assistants/new"), {"name": "Mine", "model": "local-chat"})
    mine = Assistant.objects.of(workspace.pk).get()
    stranger = browser(owner_of(theirs))

    for client, path in (
        (owner, _path(workspace, f"conversations/{conversation.pk}")),
        (owner, _path(workspace, f"conversations/{conversation.pk}/delete")),
        (stranger, _path(theirs, f"assistants/{mine.public_id}")),
        (stranger, _path(theirs, f"assistants/{mine.public_id}/delete")),
    ):
        assert client.get(path).status_code == 404
