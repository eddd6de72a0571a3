"""The pages of language models, below /w/<slug>/llm and /w/<slug>/chat; `urls` includes them.

The chat's own calls, /w/<slug>/chat/stream, are served by the gateway.
"""

from django.urls import URLPattern, path

from apps.dashboard.views.llm import calls, chat, settings

_LLM = "w/<slug:slug>/llm"

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/chat", chat.chat, name="chat"),
    path(f"{_LLM}/calls", calls.call_list, name="llm_calls"),
    path(f"{_LLM}/calls/<uuid:call_id>", calls.call_detail, name="llm_call"),
    path(f"{_LLM}/calls/<uuid:call_id>/cost", calls.call_cost, name="llm_call_cost"),
    path(f"{_LLM}/settings", settings.content, name="llm_settings"),
    path(f"{_LLM}/settings/forget", settings.forget, name="llm_settings_forget"),
]
