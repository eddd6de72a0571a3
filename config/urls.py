"""Every URL of the platform."""

from django.urls import include, path

urlpatterns = [
    path("auth/", include("allauth.urls")),
    path("", include("apps.ops.urls")),
    path("", include("apps.api.urls")),
    path("", include("apps.dashboard.urls")),
    path("", include("apps.site.urls")),
]
