"""Models and prices, for everybody."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
