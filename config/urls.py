"""Every URL of the platform."""

from django.urls import include, path

urlpatterns = [
    path("", include("apps.ops.urls")),
    path("", include("apps.api.urls")),
    # Before allauth: it gives two of its pages a policy of their own.
    path("", include("apps.dashboard.urls")),
    path("auth/", include("allauth.urls")),
    path("", include("apps.site.urls")),
]

handler400 = "apps.api.errors.bad_request"
handler403 = "apps.api.errors.permission_denied"
handler404 = "apps.api.errors.page_not_found"
handler500 = "apps.api.errors.server_error"
