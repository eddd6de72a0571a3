"""The monthly prices at Stripe: one per plan version and per price of a seat, made once, and what each stands for."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from apps.accounts.models import Plan, PlanVersion
from apps.billing.gateways import stripe_subscriptions as gateway
from apps.billing.models import StripePrice
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence


@dataclass(frozen=True)
class SeatPrice:
    """What seats of a family cost a month, in points: the first unit and each further. A unit is `pack` seats."""

    family: str
    first_points: int
    further_points: int
    pack: int = 1

    def parts(self, seats: int) -> dict["SeatPart", int]:
        """What is bought for so many seats: at most two prices with their quantities."""
        units = -(-seats // self.pack)
        if self.first_points == self.further_points:
            return {self._part("each", self.first_points): units} if units else {}
        wanted = {
            self._part("first", self.first_points): min(units, 1),
            self._part("further", self.further_points): max(units - 1, 0),
        }
        return {part: quantity for part, quantity in wanted.items() if quantity}

    def monthly_points(self, seats: int) -> int:
        """What so many seats cost a month, without tax."""
        return sum(part.points * quantity for part, quantity in self.parts(seats).items())

    def _part(self, which: str, points: int) -> "SeatPart":
        return SeatPart(self.family, which, points, self.pack)


@dataclass(frozen=True)
class SeatPart:
    """One price of a family's seats: "first", "further", or "each" where both cost the same."""

    family: str
    which: str
    points: int
    pack: int = 1

    @property
    def key(self) -> str:
        pack = f":{self.pack}" if self.pack > 1 else ""
        return f"seat:{self.family}:{self.which}:{self.points}{pack}"


Part = PlanVersion | SeatPart


def seat_price(family: str) -> SeatPrice:
    """What a seat costs who has none yet. Raises InvalidRequest for a family without seats."""
    found = settings.SEAT_PRICES.get(family)
    if found is None:
        words = sentence("There are no seats for {family}.", family=repr(family[:30]))
        raise InvalidRequest.field("family", words)
    return SeatPrice(family, *found)


def plan_price(version: PlanVersion) -> str:
    """Stripe's price of a plan version."""
    name = f"{Plan(version.plan).label} plan"
    return _ensured(f"plan:{version.plan}:{version.version}", name, version.price_points)


def seat_part_price(part: SeatPart) -> str:
    """Stripe's price of a seat."""
    seats = f"{part.pack} seats" if part.pack > 1 else f"{part.which} seat"
    return _ensured(part.key, f"{part.family.title()}: {seats}", part.points)


def _ensured(key: str, text: str, points: int) -> str:
    known = StripePrice.objects.filter(key=key).first()
    if known is not None:
        return known.ref
    found = gateway.find_price(name=key)
    if found is not None and found[1] == points:
        ref = found[0]
    else:
        ref = gateway.make_price(
            name=key, text=text, points=points, idempotency_key=f"price:{key}:{points}"
        )
    row, _ = StripePrice.objects.get_or_create(key=key, defaults={"ref": ref})
    return row.ref


def meanings(refs: Iterable[str]) -> dict[str, Part]:
    """What Stripe's prices stand for; those that are not ours are left out."""
    keys = dict(StripePrice.objects.filter(ref__in=set(refs)).values_list("ref", "key"))
    versions = {f"plan:{row.plan}:{row.version}": row for row in _versions(keys.values())}
    found: dict[str, Part] = {}
    for ref, key in keys.items():
        part = versions.get(key) if key.startswith("plan:") else _seat_part(key)
        if part is not None:
            found[ref] = part
    return found


def _versions(keys: Iterable[str]) -> Iterable[PlanVersion]:
    plans = {key.split(":")[1] for key in keys if key.startswith("plan:")}
    return PlanVersion.objects.filter(plan__in=plans)


def _seat_part(key: str) -> SeatPart:
    _, family, which, points, *pack = key.split(":")
    return SeatPart(family, which, int(points), int(pack[0]) if pack else 1)
