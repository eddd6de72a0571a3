"""The pages about money, below /w/<slug>/billing; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views.billing import overview

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/billing", overview.overview, name="billing"),
]
