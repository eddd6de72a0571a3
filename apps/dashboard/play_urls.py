"""The playground's pages; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views import playground, shares

_OF = "<path:model>/<str:task_type>"

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/play", playground.play_any, name="play_any"),
    path(f"w/<slug:slug>/play/{_OF}", playground.play, name="play"),
    path(f"w/<slug:slug>/quote/{_OF}", playground.quote, name="quote"),
    path(f"w/<slug:slug>/turn/{_OF}", playground.turn, name="play_turn"),
    path("w/<slug:slug>/preview/<uuid:task_id>", playground.preview, name="play_preview"),
    path("w/<slug:slug>/tasks/<uuid:task_id>/shares", shares.share_list, name="play_shares"),
    path(
        "w/<slug:slug>/shares/<int:share_id>/revoke",
        shares.share_revoke,
        name="play_share_revoke",
    ),
    # For everybody who has the link.
    path("s/<str:token>", shares.shared_page, name="shared"),
]
