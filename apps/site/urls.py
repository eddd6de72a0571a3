"""Public pages at the root."""

from django.urls import path

from apps.site import views

app_name = "site"

urlpatterns = [
    path("", views.landing, name="landing"),
    path("r/<str:code>", views.referred, name="referred"),
    path("robots.txt", views.robots, name="robots"),
    path("favicon.ico", views.Favicon.as_view(), name="favicon"),
]
