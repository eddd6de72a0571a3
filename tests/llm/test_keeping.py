"""What was said is kept where the workspace wants it, and nowhere else."""

import json

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.llm.models import CallContent
from tests.llm.service import Service, wait_for


def keeps(service: Service) -> None:
    Workspace.objects.filter(pk=service.workspace.pk).update(keeps_llm_content=True)
    selectors.forget_believed_keys()


def rows(service: Service) -> list[CallContent]:
    return list(CallContent.objects.of(service.workspace.pk))


def test_nothing_is_kept_unless_the_workspace_says_so(service: Service) -> None:
    service.chat("a secret")
    service.stream("a secret")
    service.settled()

    assert CallContent.objects.across_workspaces().count() == 0


def test_whole_answers_and_streams_are_kept_with_what_was_asked(service: Service) -> None:
    keeps(service)
    service.chat("Is it warm?")
    service.stream("Is it cold?")
    wait_for(lambda: len(rows(service)) == 2)

    whole, stream = sorted(rows(service), key=lambda row: row.created_at)
    assert json.loads(whole.request)["messages"][0]["content"] == "Is it warm?"
    assert json.loads(whole.answer)["choices"][0]["message"]["content"] == "Hello there."
    assert json.loads(stream.request)["messages"][0]["content"] == "Is it cold?"
    assert stream.answer == "Hello there."
    assert {whole.call, stream.call} == {row.call for row in service.usage()}
