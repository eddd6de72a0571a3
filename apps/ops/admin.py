"""The operator's console: workspaces, people, prices, tasks and accounts at providers.

Keys, secrets and what customers put in and got out are not here, and nobody edits a task or the ledger by hand: what
can be done to a task is a service that asks for the reason.
"""

from typing import TYPE_CHECKING

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from apps.accounts.models import Membership, User, Workspace
from apps.ops import (  # noqa: F401 - they register their pages
    admin_adjustments,
    admin_announcements,
    admin_auto_topup,
    admin_calls,
    admin_codes,
    admin_crypto,
    admin_invoices,
    admin_ledger,
    admin_mail,
    admin_payments,
    admin_penalties,
    admin_plans,
    admin_pools,
    admin_prices,
    admin_referrals,
    admin_seats,
    admin_tasks,
    admin_words,
)

if TYPE_CHECKING:
    MembershipTable = admin.TabularInline[Membership, Workspace]
    WorkspacePages = admin.ModelAdmin[Workspace]
    UserPages = admin.ModelAdmin[User]
else:  # generic for the type checker only
    MembershipTable = admin.TabularInline
    WorkspacePages = UserPages = admin.ModelAdmin

# The admin's own form knows no second factor; allauth's does.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Operations"


class MembershipInline(MembershipTable):
    model = Membership
    extra = 0
    # Members' budgets are their workspace's business.
    fields = ("user", "role")
    autocomplete_fields = ("user",)


@admin.register(Workspace)
class WorkspaceAdmin(WorkspacePages):
    list_display = ("slug", "name", "plan", "is_enabled", "created_at")
    list_filter = ("plan", "is_enabled")
    search_fields = ("slug", "name", "memberships__user__email")
    fields = ("name", "slug", "plan", "other_plan", "is_enabled", "created_at")
    readonly_fields = ("plan", "other_plan", "created_at")
    inlines = (MembershipInline,)

    @admin.display(description="other plan")
    def other_plan(self, obj: Workspace) -> str:
        return format_html(
            '<a href="{}">Give another plan</a>',
            reverse("admin:accounts_workspace_plan", args=[obj.pk]),
        )

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(admin_plans.give_plan)
        return [
            path("<int:workspace_id>/plan", page, name="accounts_workspace_plan"),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A workspace without a wallet could not spend; sign-up and `manage.py demo` make both.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(UserPages):
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    readonly_fields = ("email", "last_login", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
