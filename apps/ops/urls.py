"""URLs for operators and their machines."""

from django.contrib import admin
from django.urls import path

from apps.ops import views

# No namespace of our own: the admin's pages find each other as "admin:…", at the top.
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("ops/admin/", admin.site.urls),
]
