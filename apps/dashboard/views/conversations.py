"""Conversations: the list, and one of them with its files. Answers stream from the gateway, not from here."""

import uuid

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.policies import Permission
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import said
from apps.dashboard import talk_models
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.conversations import BeginForm, FileForm
from apps.dashboard.http import DashboardRequest, missing
from apps.llm.models import Conversation, Message
from apps.llm.selectors import conversations as selectors
from apps.llm.services.conversations import files, rounds
from apps.llm.services.conversations.extraction import extracted
from apps.llm.services.conversations.prices import FAMILY

_A_PAGE = 30


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def conversation_list(request: DashboardRequest) -> HttpResponse:
    """What the workspace talks about, and a form to begin."""
    return _list(request, _begin_form(request))


def _list(request: DashboardRequest, form: BeginForm, *, status: int = 200) -> HttpResponse:
    found = selectors.newest_conversations(workspace_id=request.workspace.pk)
    page = Paginator(found, _A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "form": form}
    return render(request, "dashboard/conversations/page.html", context, status=status)


def _begin_form(request: DashboardRequest, *, is_bound: bool = False) -> BeginForm:
    offer = talk_models.offer(identity=request.identity)
    return BeginForm(
        request.POST if is_bound else None,
        models=offer.models,
        assistants=offer.assistants,
        initial={"with_whom": request.GET.get("with", "")},
    )


@require_POST
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def conversation_begin(request: DashboardRequest) -> HttpResponse:
    """An empty conversation; nothing is charged before its first answer."""
    form = _begin_form(request, is_bound=True)
    if not form.is_valid():
        return _list(request, form, status=422)
    try:
        made = rounds.open_conversation(identity=request.identity, opening=form.opening())
    except DomainError as error:
        form.add_error("with_whom", said(error.words))
        return _list(request, form, status=422)
    return redirect("dashboard:conversation", slug=request.workspace.slug, conversation_id=made.pk)


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def conversation(request: DashboardRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """One of them; htmx gets the messages alone, while one is being written elsewhere."""
    found = _found(request, conversation_id)
    if request.htmx:
        context = _messages(request, found)
        return render(request, "dashboard/conversations/_messages.html", context)
    return _page(request, found, FileForm())


def _page(
    request: DashboardRequest, found: Conversation, form: FileForm, *, status: int = 200
) -> HttpResponse:
    kept = selectors.files(workspace_id=request.workspace.pk, conversation_id=found.pk)
    model = found.assistant.model if found.assistant else found.model
    is_private = FAMILY in request.identity.private_families
    context = {
        **_messages(request, found),
        "files": kept,
        "pictures": [one for one in kept if one.is_image],
        "file_form": form,
        "file_costs": talk_models.file_cost_words(is_private=is_private),
        "costs": talk_models.cost_words(model=model, is_private=is_private),
    }
    return render(request, "dashboard/conversations/conversation.html", context, status=status)


def _messages(request: DashboardRequest, found: Conversation) -> dict[str, object]:
    said = selectors.messages(workspace_id=request.workspace.pk, conversation_id=found.pk)
    return {
        "conversation": found,
        "said": said,
        "is_writing": any(selectors.is_being_written(one) for one in said),
        "states": Message.State,
    }


@require_POST
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def conversation_file(request: DashboardRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Read a file, keep it with the conversation, charge for it."""
    found = _found(request, conversation_id)
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    upload = form.cleaned_data["file"]
    try:
        files.add(
            identity=request.identity,
            conversation_id=str(found.pk),
            found=extracted(name=upload.name, data=upload.read()),
        )
    except DomainError as error:
        form.refuse(error)
        return _page(request, found, form, status=422)
    return redirect("dashboard:conversation", slug=request.workspace.slug, conversation_id=found.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def conversation_delete(request: DashboardRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Ask, then remove it with its files."""
    found = _found(request, conversation_id)
    if request.method != "POST":
        return render(request, "dashboard/conversations/delete.html", {"conversation": found})
    files.remove_conversation(workspace_id=request.workspace.pk, conversation_id=str(found.pk))
    return redirect("dashboard:conversations", slug=request.workspace.slug)


def _found(request: DashboardRequest, conversation_id: uuid.UUID) -> Conversation:
    try:
        return selectors.conversation(
            workspace_id=request.workspace.pk, conversation_id=conversation_id
        )
    except NotFound as error:
        missing(error)
