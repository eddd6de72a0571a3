"""Status, changelog and terms."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
