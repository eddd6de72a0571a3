"""URLs for operators and their machines."""

from django.contrib import admin
from django.urls import path

from apps.ops import views

app_name = "ops"
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("ops/admin/", admin.site.urls),
]
