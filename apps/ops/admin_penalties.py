"""Midjourney's penalties in the operator's console: days, what was beyond their allowance, and letting a day pass."""

from typing import Any

from django.contrib import admin

from apps.core.money import format_usd
from apps.ops.acting import ActingAdmin, Step
from apps.tasks.models import Penalty, PenaltyDay
from apps.tasks.services import penalties_waive


def _effect(day: PenaltyDay) -> str:
    found = penalties_waive.owed(day=day)
    text = f"Nothing of {day.workspace} on {day.day} is punished any more. {format_usd(found.points)} are given back."
    if found.running:
        text += f" {found.running} tasks still run; theirs follows when they have ended."
    return text


def _makes_sense(day: PenaltyDay) -> bool:
    return day.waived_at is None or penalties_waive.owed(day=day).points > 0


def _waive(day: PenaltyDay, actor: Any, given: dict[str, Any]) -> None:
    penalties_waive.waive(day_id=day.pk, actor=actor, reason=given["reason"])


@admin.register(PenaltyDay)
class PenaltyDayAdmin(ActingAdmin):
    list_display = ("day", "workspace", "incorrect", "relax", "bonus", "waived_at", "waived_by")
    list_filter = ("day", ("waived_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace", "waived_by")
    search_fields = ("workspace__slug",)
    ordering = ("-day", "workspace__slug")
    date_hierarchy = "day"
    fields = (*list_display, "kept")
    readonly_fields = fields
    steps = {
        "waive": Step(
            "Waive this day", _effect, "The day is waived.", "tasks.change_penaltyday", _makes_sense, _waive,
        ),
    }  # fmt: skip

    @admin.display(description="not given back")
    def kept(self, obj: PenaltyDay) -> str:
        return format_usd(penalties_waive.owed(day=obj).points)


@admin.register(Penalty)
class PenaltyAdmin(ActingAdmin):
    list_display = ("created_at", "day", "workspace", "kind", "number", "threshold", "kept", "task")
    list_filter = ("kind", "day")
    list_select_related = ("workspace", "task")
    search_fields = ("workspace__slug",)
    ordering = ("-id",)
    date_hierarchy = "day"
    fields = list_display
    readonly_fields = fields

    @admin.display(description="kept or added", ordering="points")
    def kept(self, obj: Penalty) -> str:
        return format_usd(obj.points)
