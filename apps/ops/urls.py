"""URLs for operators and their machines."""

from django.contrib import admin
from django.urls import path

from apps.ops import admin_ledger, admin_margin, admin_own_accounts, admin_work, views

# No namespace of our own: the admin's pages find each other as "admin:…", at the top.
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    # Before the admin's own, whose last pattern takes every address below it.
    path("ops/admin/pool/", admin.site.admin_view(admin_work.pool_and_queues), name="ops_pool"),
    path(
        "ops/admin/health/",
        admin.site.admin_view(admin_own_accounts.health),
        name="ops_accounts_health",
    ),
    path(
        "ops/admin/own-accounts/",
        admin.site.admin_view(admin_own_accounts.own_accounts),
        name="ops_own_accounts",
    ),
    path(
        "ops/admin/own-accounts/<int:account_id>/pause/",
        admin.site.admin_view(admin_own_accounts.own_account_pause),
        name="ops_own_account_pause",
    ),
    path("ops/admin/margin/", admin.site.admin_view(admin_margin.margin), name="ops_margin"),
    path(
        "ops/admin/margin.csv",
        admin.site.admin_view(admin_margin.margin_csv),
        name="ops_margin_csv",
    ),
    path(
        "ops/admin/suppliers/",
        admin.site.admin_view(admin_margin.supplier_list),
        name="ops_suppliers",
    ),
    path(
        "ops/admin/suppliers/<int:account_id>/look/",
        admin.site.admin_view(admin_margin.supplier_look),
        name="ops_supplier_look",
    ),
    path(
        "ops/admin/ledger/<int:workspace_id>/",
        admin.site.admin_view(admin_ledger.ledger_page),
        name="ops_ledger",
    ),
    path(
        "ops/admin/ledger/<int:workspace_id>.csv",
        admin.site.admin_view(admin_ledger.ledger_csv),
        name="ops_ledger_csv",
    ),
    path("ops/admin/", admin.site.urls),
]
