"""How the platform works now and worked lately, by family of models: what `/status` and `/status.json` say.

Everything comes from sums per day. Nobody's own work may be read out of it: a day with few tasks says nothing, totals
leave such days out, and no number of tasks is told at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from math import floor

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.byoa import selectors as byoa
from apps.catalog import registry
from apps.core import latency
from apps.llm.selectors.health import is_lane_available, lane_days
from apps.notifications.announcements import for_status
from apps.notifications.models import Announcement
from apps.site.words import listed
from apps.tasks.selectors.health import family_days

DAYS = 90
# Tasks that a day must have had for it to be told.
LEAST_TASKS = 20
# Language models, beside the families of the catalogue.
LLM = "llm"
_LLM_TITLE = gettext_noop("Language models")
# Shares that went well, from which on a day is good, or at least fair.
_GOOD, _FAIR = 0.99, 0.95


@dataclass(frozen=True)
class Sums:
    """Tasks that went well or failed by our fault, and how long the good ones took; of a day or of several."""

    completed: int
    failed: int
    counts: Sequence[int]

    @classmethod
    def of(cls, several: Iterable["Sums"]) -> "Sums":
        found = list(several)
        return cls(
            completed=sum(one.completed for one in found),
            failed=sum(one.failed for one in found),
            counts=latency.added([one.counts for one in found]),
        )

    @property
    def is_enough(self) -> bool:
        return self.completed + self.failed >= LEAST_TASKS

    @cached_property
    def success(self) -> float | None:
        """The share that went well, rounded down to a thousandth, so that it is 1 only when nothing failed."""
        if not self.is_enough:
            return None
        return floor(self.completed / (self.completed + self.failed) * 1_000) / 1_000

    @property
    def p50_ms(self) -> int | None:
        return latency.quantile_ms(self.counts, 0.5) if self.is_enough else None

    @property
    def p95_ms(self) -> int | None:
        return latency.quantile_ms(self.counts, 0.95) if self.is_enough else None

    @property
    def tone(self) -> str:
        """As in app.css; "" for too few to say."""
        if self.success is None:
            return ""
        return "ok" if self.success >= _GOOD else "warn" if self.success >= _FAIR else "bad"


_NOTHING = Sums(0, 0, ())


@dataclass(frozen=True)
class Health:
    """A family: what of it can be had now, and its days, oldest first; a day without tasks has empty sums."""

    family: str
    title: str
    models: int
    available: int
    days: Sequence[tuple[date, Sums]]

    @cached_property
    def told(self) -> list[tuple[date, Sums]]:
        return [(day, sums) for day, sums in self.days if sums.is_enough]

    @cached_property
    def total(self) -> Sums:
        return Sums.of(sums for _, sums in self.told)

    @property
    def is_offered(self) -> bool:
        """Whether this installation has it, or had it lately; a failing family must not vanish from the page."""
        return self.available > 0 or any(sums is not _NOTHING for _, sums in self.days)

    @property
    def lowest(self) -> tuple[date, Sums] | None:
        """The day on which most failed, if anything did."""
        worst = min(self.told, key=lambda one: one[1].success or 0, default=None)
        return worst if worst is not None and worst[1].failed else None

    @property
    def word(self) -> str:
        """In English; pages translate it."""
        if not self.is_offered:
            return gettext_noop("not offered")
        if not self.available:
            return gettext_noop("unavailable")
        if self.available == self.models:
            return gettext_noop("available")
        return gettext_noop("partly available")

    @property
    def tone(self) -> str:
        tones = {"available": "ok", "partly available": "warn", "unavailable": "bad"}
        return tones.get(self.word, "idle")


@dataclass(frozen=True)
class Report:
    """Families that are offered come first; announcements are sorted by whether they hold now."""

    now: datetime
    families: Sequence[Health]
    announcements: Sequence[Announcement]

    @property
    def open(self) -> list[Announcement]:
        return [one for one in self.announcements if one.holds(self.now)]

    @property
    def ahead(self) -> list[Announcement]:
        return [one for one in self.announcements if one.is_ahead(self.now)]

    @property
    def over(self) -> list[Announcement]:
        told = {one.pk for one in [*self.open, *self.ahead]}
        return [one for one in self.announcements if one.pk not in told]

    @property
    def incidents(self) -> list[Announcement]:
        return [one for one in self.open if one.kind != Announcement.Kind.INFO]

    @property
    def offered(self) -> list[Health]:
        return [one for one in self.families if one.is_offered]

    @property
    def down(self) -> list[Health]:
        return [one for one in self.offered if not one.available]

    @property
    def headline(self) -> str:
        """The answer to what the page was opened for."""
        if self.incidents:
            return self.incidents[0].title
        if not self.offered:
            return _("No model is offered here yet.")
        if self.down:
            names = listed([one.title for one in self.down])
            return _("{families} cannot take work right now.").format(families=names)
        return _("Everything that is offered here takes work.")

    @property
    def tone(self) -> str:
        if any(one.kind == Announcement.Kind.INCIDENT for one in self.open) or self.down:
            return "bad"
        return "warn" if self.incidents else "ok" if self.offered else "idle"


def lately(family: str) -> Health:
    """One family by itself, for the pages of its models."""
    days = _days(datetime.now(UTC))
    models, available = _offers()[family]
    sums = _sums(days[0], family)[family]
    return Health(family, title_of(family), models, available, _filled(days, sums))


def _days(now: datetime) -> list[date]:
    return [now.date() - timedelta(days=back) for back in reversed(range(DAYS))]


def report() -> Report:
    """What the page says, in a handful of queries however many tasks there are."""
    now = datetime.now(UTC)
    days = _days(now)
    of_family = _sums(days[0])
    families = [
        Health(family, title_of(family), models, available, _filled(days, of_family[family]))
        for family, (models, available) in _offers().items()
    ]
    families.sort(key=lambda one: (not one.is_offered, one.title.lower()))
    return Report(now, families, for_status(since=now - timedelta(days=DAYS)))


def title_of(family: str) -> str:
    return _(_LLM_TITLE) if family == LLM else byoa.family_title(family)


def _sums(first: date, only: str = "") -> Mapping[str, Mapping[date, Sums]]:
    found: dict[str, dict[date, Sums]] = defaultdict(dict)
    if only != LLM:
        for family, day, completed, failed, counts in family_days(first=first, family=only):
            found[family][day] = Sums(completed, failed, counts)
    if only in ("", LLM):
        for row in lane_days(first=first):
            found[LLM][row.day] = Sums(row.completed, row.failed, row.latency)
    return found


def _filled(days: Sequence[date], known: Mapping[date, Sums]) -> list[tuple[date, Sums]]:
    return [(day, known.get(day, _NOTHING)) for day in days]


def _offers() -> dict[str, tuple[int, int]]:
    """By family: how many models it has, and how many of them somebody serves now."""
    models: dict[str, set[str]] = defaultdict(set)
    served: dict[str, set[str]] = defaultdict(set)
    for spec in registry.all_specs().values():
        models[spec.family].add(spec.model)
        if byoa.is_available(spec):
            served[spec.family].add(spec.model)
    found = {family: (len(names), len(served[family])) for family, names in models.items()}
    return found | {LLM: (1, int(is_lane_available()))}
