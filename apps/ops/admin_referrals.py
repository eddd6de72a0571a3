"""Referrals and their rewards in the operator's console: read, and where something looks wrong, decided."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from apps.billing.models import Referral, ReferralReward
from apps.billing.services.referrals import reviews
from apps.billing.services.referrals.signs import FLAG_WORDS, Flag
from apps.core.money import format_gift
from apps.ops.acting import ActingAdmin, Step

Review = Referral.Review


def _clear(row: Referral, actor: Any, given: dict[str, Any]) -> None:
    reviews.clear(invitee_id=row.pk, actor=actor, reason=given["reason"])


def _refuse(row: Referral, actor: Any, given: dict[str, Any]) -> None:
    reviews.refuse(invitee_id=row.pk, actor=actor, reason=given["reason"])


@admin.register(Referral)
class ReferralAdmin(ActingAdmin):
    list_display = ("invitee", "referrer", "workspace", "review", "what_looks_wrong", "created_at")
    list_filter = ("review", "created_at")
    list_select_related = ("invitee", "referrer", "workspace")
    search_fields = ("invitee__email", "referrer__email", "workspace__slug")
    ordering = ("-created_at",)
    fields = (
        "invitee", "invitee_workspace", "referrer", "workspace", "first_touch_at", "created_at", "what_looks_wrong",
        "review", "reviewed_by", "review_note", "earned",
    )  # fmt: skip
    readonly_fields = fields
    steps = {
        "clear": Step(
            "Clear",
            lambda row: "It may earn after all: what waits is granted when it is due.",
            "Cleared. Rewards that are due follow within seconds.",
            "billing.change_referral",
            lambda row: row.review in (Review.WAITING, Review.NONE),
            _clear,
        ),
        "refuse": Step(
            "Refuse",
            lambda row: (
                "What waits is refused, and what was granted to either side is taken back. This is final."
            ),
            "Refused, with its rewards.",
            "billing.change_referral",
            lambda row: row.review != Review.REFUSED,
            _refuse,
        ),
    }

    @admin.display(description="what looks wrong")
    def what_looks_wrong(self, obj: Referral) -> str:
        return "; ".join(FLAG_WORDS[Flag(flag)] for flag in obj.flags) or "nothing"

    @admin.display(description="rewards")
    def earned(self, obj: Referral) -> SafeString:
        rewards = ReferralReward.objects.across_workspaces().filter(referral=obj).order_by("pk")
        rows = (
            (f"{one.get_rule_display()}, {one.side}", _credits(one), one.state, one.reason)
            for one in rewards
        )
        return format_html_join("", "{}: {} ({}) {}<br>", rows)


@admin.register(ReferralReward)
class ReferralRewardAdmin(ActingAdmin):
    list_display = (
        "id", "rule", "side", "workspace", "credits", "state", "reason", "due_at", "updated_at",
    )  # fmt: skip
    list_filter = ("state", "rule", "side")
    list_select_related = ("workspace",)
    search_fields = ("workspace__slug", "referral__invitee__email", "referral__referrer__email")
    ordering = ("-id",)
    fields = (
        "referral", "rule", "side", "workspace", "credits", "payment", "state", "reason", "due_at", "created_at",
        "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("referral")

    @admin.display(ordering="points")
    def credits(self, obj: ReferralReward) -> str:
        return _credits(obj)


def _credits(reward: ReferralReward) -> str:
    return f"{format_gift(reward.points)} credits"
