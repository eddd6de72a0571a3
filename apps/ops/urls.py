"""URLs for operators and their machines."""

from django.contrib import admin
from django.urls import path

from apps.ops import admin_work, views

# No namespace of our own: the admin's pages find each other as "admin:…", at the top.
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    # Before the admin's own, whose last pattern takes every address below it.
    path("ops/admin/pool/", admin.site.admin_view(admin_work.pool_and_queues), name="ops_pool"),
    path("ops/admin/", admin.site.urls),
]
