"""Midjourney's price list: quotas by mode and version, 200 to the US dollar."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.catalog.midjourney.inputs import (
    Blend,
    Upscale,
    mode_of,
    model_version,
    version_class,
)
from apps.catalog.spec import Charge, Rate

USD_PER_QUOTA = Decimal("0.005")
POINTS_PER_QUOTA = 50_000
# By mode, for pictures of version 5.2 or older and for newer ones. Turbo is dear by this list and was cut later.
IMAGINE = {"relax": (3, 6), "fast": (9, 14), "turbo": (25, 32)}
CHANGE = {"relax": (3, 6), "fast": (9, 14), "turbo": (20, 28)}
ENLARGE = {
    "2x": {"relax": 9, "fast": 18, "turbo": 40},
    "4x": {"relax": 27, "fast": 54, "turbo": 120},
}
READ, SPLIT, READ_SEED = 2, 2, 1
_VERSIONS = ("v5", "v6")
_UPSCALERS = {"light": "v5", "beta": "v5", "subtle": "v6", "creative": "v6"}

Charges = Callable[[Any], Sequence[Charge]]


def rate(name: str, quotas: int, mode: str = "") -> Rate:
    factor = settings.MIDJOURNEY_TURBO_FACTOR if mode == "turbo" else Decimal(1)
    return Rate(name, f"{(quotas * USD_PER_QUOTA * factor).normalize():f}")


def rates(name: str, quotas: dict[str, tuple[int, int]]) -> tuple[Rate, ...]:
    return tuple(
        rate(f"{name}_{mode}_{version}", cost, mode)
        for mode, costs in quotas.items()
        for version, cost in zip(_VERSIONS, costs, strict=True)
    )


UPSCALE_RATES = (
    rate("upscale", SPLIT),
    *rates("upscale", CHANGE),
    *(
        rate(f"upscale_{size}_{mode}", quotas, mode)
        for size, by_mode in ENLARGE.items()
        for mode, quotas in by_mode.items()
    ),
)
BLEND_RATES = tuple(rate(f"blend_{mode}", cost[1], mode) for mode, cost in CHANGE.items())


def charges(name: str) -> Charges:
    """By mode and version."""

    def charged(values: Any) -> Sequence[Charge]:
        version = version_class(model_version(values))
        return [Charge(f"{name}_{mode_of(values)}_{version}")]

    return charged


def upscale_charges(values: Upscale) -> Sequence[Charge]:
    """Taking a picture out of its grid costs the same at every speed."""
    if values.index.isdecimal():
        return [Charge("upscale")]
    if values.index in ENLARGE:
        return [Charge(f"upscale_{values.index}_{mode_of(values)}")]
    return [Charge(f"upscale_{mode_of(values)}_{_UPSCALERS[values.index]}")]


def blend_charges(values: Blend) -> Sequence[Charge]:
    # It has no prompt that could name an older version.
    return [Charge(f"blend_{mode_of(values)}")]


def once(name: str) -> Charges:
    return lambda _: [Charge(name)]


def quotas_of(points: int) -> int:
    """Points in whole quotas, as the older API counts; a part of one counts as one."""
    return -(-points // POINTS_PER_QUOTA)
