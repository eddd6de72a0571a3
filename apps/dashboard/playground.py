"""What the playground knows of the catalog."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.policies import plan_includes
from apps.accounts.selectors import Identity
from apps.byoa import selectors as byoa
from apps.catalog import pricing, registry
from apps.catalog.spec import OutputKind, TaskSpec

_MADE: dict[str, str] = {
    OutputKind.IMAGE: gettext_noop("image"),
    OutputKind.VIDEO: gettext_noop("video"),
    OutputKind.AUDIO: gettext_noop("audio"),
    OutputKind.MODEL_3D: gettext_noop("3d"),
    OutputKind.TEXT: gettext_noop("text"),
}

# A newcomer's first task should need no picture and cost next to nothing.
_FIRST = ("modelyard/illustration", "text-to-image")


@dataclass(frozen=True)
class Listed:
    """A spec as lists show it, with what it costs this workspace."""

    spec: TaskSpec
    is_available: bool
    needs_plan: str
    rates: list[tuple[Decimal, str]]

    @property
    def makes(self) -> str:
        """What comes out, in a word."""
        return _(_MADE[self.spec.kind])

    @property
    def lowest(self) -> tuple[Decimal, str]:
        """The smallest rate and its unit: "from" where there are several."""
        return min(self.rates)


def listed(*, identity: Identity) -> list[Listed]:
    """Every spec, available ones first."""
    found = [listed_one(spec=spec, identity=identity) for spec in registry.all_specs().values()]
    return sorted(found, key=lambda one: (not one.is_available, one.spec.family, one.spec.title))


def listed_one(*, spec: TaskSpec, identity: Identity) -> Listed:
    """One spec as lists show it."""
    points = pricing.rates_for(spec=spec, workspace_id=identity.workspace_id, plan=identity.plan)
    return Listed(
        spec=spec,
        is_available=byoa.is_available(spec),
        needs_plan="" if plan_includes(identity.plan, spec.plan) else spec.plan.label,
        rates=[(points[rate.name], rate.unit) for rate in spec.rates],
    )


def matching(found: list[Listed], *, words: str, kind: str, available: bool) -> list[Listed]:
    """The listed specs that hold every word, of that kind."""
    wanted = words.lower().split()
    return [
        one
        for one in found
        if (not kind or one.spec.kind == kind)
        and (one.is_available or not available)
        and all(word in _haystack(one.spec) for word in wanted)
    ]


def _haystack(spec: TaskSpec) -> str:
    shown = (spec.title, spec.summary)
    words = (spec.model, spec.task_type, spec.family, *shown, *map(_, shown))
    return " ".join(words).lower()


def first_task() -> TaskSpec | None:
    """What to offer to somebody who has never run anything; None when nothing can run."""
    specs = [spec for spec in registry.all_specs().values() if byoa.is_available(spec)]
    preferred = [spec for spec in specs if spec.name == _FIRST]
    return next(iter(preferred + specs), None)


KINDS: dict[str, tuple[str, str]] = {
    OutputKind.IMAGE: (gettext_noop("Image"), "photo"),
    OutputKind.VIDEO: (gettext_noop("Video"), "video"),
    OutputKind.AUDIO: (gettext_noop("Audio"), "music"),
    OutputKind.MODEL_3D: (gettext_noop("3D"), "cube"),
    OutputKind.TEXT: (gettext_noop("Text"), "file-text"),
}
