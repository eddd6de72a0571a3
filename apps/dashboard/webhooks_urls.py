"""The pages of webhook endpoints, below /w/<slug>/webhooks; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views.webhooks import deliveries, detail, endpoints, replays

_ONE = "w/<slug:slug>/webhooks/<uuid:endpoint_id>"
_DELIVERY = f"{_ONE}/d/<uuid:event_id>"

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/webhooks", endpoints.endpoint_list, name="webhooks"),
    path("w/<slug:slug>/webhooks/new", endpoints.endpoint_new, name="webhooks_new"),
    path(_ONE, detail.detail, name="webhooks_one"),
    path(f"{_ONE}/edit", endpoints.endpoint_edit, name="webhooks_edit"),
    path(f"{_ONE}/secret", detail.secret_rotate, name="webhooks_secret"),
    path(f"{_ONE}/overlap", detail.overlap_end, name="webhooks_overlap"),
    path(f"{_ONE}/test", detail.test, name="webhooks_test"),
    path(f"{_ONE}/pause", detail.pause, name="webhooks_pause"),
    path(f"{_ONE}/resume", detail.resume, name="webhooks_resume"),
    path(f"{_ONE}/delete", endpoints.endpoint_delete, name="webhooks_delete"),
    path(f"{_ONE}/replay", replays.replay, name="webhooks_replay"),
    path(_DELIVERY, deliveries.delivery, name="webhooks_delivery"),
    path(f"{_DELIVERY}/replay", deliveries.again, name="webhooks_again"),
]
