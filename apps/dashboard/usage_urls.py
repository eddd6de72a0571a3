"""The usage page, below /w/<slug>/usage, and the addresses it once had; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views import usage

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/usage", usage.usage, name="usage"),
    path("w/<slug:slug>/usage.csv", usage.usage_csv, name="usage_csv"),
    path("w/<slug:slug>/billing/usage", usage.moved, name="billing_usage"),
    path("w/<slug:slug>/billing/usage.csv", usage.moved, name="billing_usage_csv"),
    path("w/<slug:slug>/llm/usage", usage.moved, name="llm_usage"),
]
