"""The pages of conversations and assistants; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views import assistants, conversations

_TALKS = "w/<slug:slug>/conversations"
_TALK = f"{_TALKS}/<uuid:conversation_id>"
_ALL = "w/<slug:slug>/assistants"
_ONE = f"{_ALL}/<slug:public_id>"

urlpatterns: list[URLPattern] = [
    path(_TALKS, conversations.conversation_list, name="conversations"),
    path(f"{_TALKS}/begin", conversations.conversation_begin, name="conversations_begin"),
    path(_TALK, conversations.conversation, name="conversation"),
    path(f"{_TALK}/files", conversations.conversation_file, name="conversation_file"),
    path(f"{_TALK}/delete", conversations.conversation_delete, name="conversation_delete"),
    path(_ALL, assistants.assistant_list, name="assistants"),
    # Before the ids: each of them begins with g-.
    path(f"{_ALL}/new", assistants.assistant_create, name="assistants_new"),
    path(_ONE, assistants.assistant, name="assistant"),
    path(f"{_ONE}/files", assistants.assistant_file, name="assistant_file"),
    path(
        f"{_ONE}/files/<slug:file_id>/remove",
        assistants.assistant_file_remove,
        name="assistant_file_remove",
    ),
    path(f"{_ONE}/delete", assistants.assistant_delete, name="assistant_delete"),
]
