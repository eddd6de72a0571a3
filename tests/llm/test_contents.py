"""What was said is kept as long as the workspace wants it, cut to a size, and then forgotten."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.llm.models import CallContent
from apps.llm.services import contents
from tests.factories import WorkspaceFactory, owner_of

pytestmark = pytest.mark.django_db
ASKED = {"messages": [{"role": "user", "content": "Is it warm?"}]}


def kept(workspace: Workspace, request: Any = ASKED, answer: str = "Yes.", days: int = 7) -> Any:
    call = uuid.uuid4()
    contents.keep(call, workspace.pk, request, answer, days)
    return CallContent.objects.of(workspace.pk).get(call=call)


def expire(row: CallContent) -> None:
    CallContent.objects.of(row.workspace_id).filter(pk=row.pk).update(expires_at=timezone.now())


def test_request_and_answer_are_kept_for_the_days(workspace: Workspace) -> None:
    row = kept(workspace)

    assert (json.loads(row.request), row.answer, row.is_cut) == (ASKED, "Yes.", False)
    left = row.expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_the_first_time_counts(workspace: Workspace) -> None:
    row = kept(workspace)

    contents.keep(row.call, workspace.pk, {}, "No.", 30)

    row.refresh_from_db()
    assert (json.loads(row.request), row.answer) == (ASKED, "Yes.")


def test_long_texts_are_cut_between_characters(workspace: Workspace) -> None:
    row = kept(workspace, answer="é" * contents.MOST_BYTES)

    assert (row.answer, row.is_cut) == ("é" * (contents.MOST_BYTES // 2), True)


def test_a_text_with_a_zero_byte_is_kept_without_it(workspace: Workspace) -> None:
    assert kept(workspace, answer="a\0b").answer == "a�b"


def test_inline_media_is_left_out(workspace: Workspace) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 9000}"}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 9000, "format": "wav"}}
    text = {"type": "text", "text": "What is it?"}

    row = kept(workspace, {"messages": [{"content": [text, picture, sound]}]})

    assert json.loads(row.request)["messages"][0]["content"] == [
        text,
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}},
        {"type": "input_audio", "input_audio": {"data": "…", "format": "wav"}},
    ]


def test_only_what_had_its_days_is_forgotten(workspace: Workspace) -> None:
    old, new = kept(workspace), kept(workspace)
    expire(old)

    assert (contents.forget(), contents.forget()) == (1, 0)
    assert list(CallContent.objects.of(workspace.pk)) == [new]


def test_more_than_one_statements_worth_is_forgotten(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_ROWS_AT_ONCE", 2)
    for _ in range(5):
        expire(kept(workspace))

    assert contents.forget() == 5


def test_all_of_a_workspace_is_forgotten_and_nothing_of_its_neighbour(workspace: Workspace) -> None:
    kept(workspace)
    theirs = kept(WorkspaceFactory.create())

    owner = owner_of(workspace)
    for expected in (1, 0):
        count = contents.forget_all_of(workspace_id=workspace.pk, actor=owner, ip=None)
        assert count == expected

    assert list(CallContent.objects.across_workspaces()) == [theirs]
    event = AuditEvent.objects.of(workspace.pk).get(action="llm_content.deleted")
    assert (event.actor, event.detail) == (owner, {"calls": 1})
