"""Seats and the accounts on them: what a workspace has by family, and where the numbers do not agree."""

from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from apps.accounts.models import Workspace
from apps.billing.models import Subscription
from apps.billing.selectors.subscriptions import seat_rows
from apps.byoa.models import Account
from apps.byoa.selectors.routes import routes
from apps.catalog import registry as catalog
from apps.catalog.llm.registry import llm_models
from apps.providers import registry

# Families whose private tasks may go to the public pool when no own account can serve.
FAILOVER_FAMILIES = frozenset({"midjourney", "kling", "luma", "suno"})
# Conversations of GPTs are held with any model there is.
_LLM_FAMILIES = frozenset({"llm", "gpts"})
# Names that their words do not give.
_TITLES = {
    "ace_step": "ACE-Step", "diffrhythm": "DiffRhythm", "framepack": "FramePack", "gpts": "GPTs",
    "joycaption": "JoyCaption", "llm": "LLM", "mmaudio": "MMAudio", "omni_human": "OmniHuman",
    "skyreels": "SkyReels", "tts": "TTS", "z_image": "Z-Image",
}  # fmt: skip


@dataclass(frozen=True)
class SeatFamily:
    """A family that seats are sold for, as a workspace sees it.

    What a seat costs a month is today's price in points: the first unit and each further, a unit being `pack` seats.
    `next_seats` is a smaller number from the next period on, None when it stays. Of the accounts `parked` have no seat
    any more.
    """

    slug: str
    title: str
    first_points: int
    further_points: int
    pack: int
    seats: int
    next_seats: int | None
    accounts: int
    parked: int
    is_private: bool
    can_fail_over: bool
    fails_over: bool
    providers: tuple[str, ...]


def family_title(family: str) -> str:
    """The family's name for people."""
    return _TITLES.get(family, family.replace("_", " ").title())


def providers_for(family: str) -> tuple[str, ...]:
    """Where an account for the family can be: the providers of its models, the most special ones first."""
    known = registry.names()
    if family in _LLM_FAMILIES:
        models = llm_models().values()
        named = [route.provider for model in models for route in model.every_route]
    else:
        specs = [spec for spec in catalog.all_specs().values() if spec.family == family]
        named = [route.provider for spec in specs for route in routes(spec)]
    # What any server with our API serves stands behind what single models name.
    found = sorted(dict.fromkeys(named), key=lambda name: name == "federation")
    return tuple(name for name in found if name in known)


def seat_families(*, workspace: Workspace) -> list[SeatFamily]:
    """Every family that the catalog has and seats are sold for, and those of which the workspace has something."""
    rented = {row.family: row for row in seat_rows(workspace_id=workspace.pk)}
    accounts, parked = _counted(workspace.pk)
    there = catalog.families() | _LLM_FAMILIES
    sold = [family for family in settings.SEAT_PRICES if family in there]
    families = dict.fromkeys([*sold, *rented, *accounts, *parked])
    found = []
    for family in families:
        row = rented.get(family)
        first, further, pack = settings.SEAT_PRICES.get(family, (0, 0, 1))
        found.append(
            SeatFamily(
                slug=family,
                title=family_title(family),
                first_points=first,
                further_points=further,
                pack=pack,
                seats=row.quantity if row else 0,
                next_seats=row.next_quantity if row else None,
                accounts=accounts[family],
                parked=parked[family],
                is_private=family in workspace.private_families,
                can_fail_over=family in FAILOVER_FAMILIES,
                fails_over=family in workspace.failover_families,
                providers=providers_for(family),
            )
        )
    return found


def _counted(workspace_id: int) -> tuple[Counter[str], Counter[str]]:
    """Accounts on seats and accounts without, by family."""
    accounts: Counter[str] = Counter()
    parked: Counter[str] = Counter()
    rows = Account.objects.of(workspace_id).values_list("families", "seat_ended_at")
    for families, ended_at in rows:
        (accounts if ended_at is None else parked)[families[0]] += 1
    return accounts, parked


_OUT_OF_STEP = """
WITH rented AS (
    SELECT s.workspace_id, s.family, s.quantity
      FROM billing_seats s JOIN billing_subscription b ON b.id = s.subscription_id WHERE b.state = ANY(%s)),
counted AS (
    SELECT workspace_id, families[1] AS family, count(*) FILTER (WHERE seat_ended_at IS NULL) AS seated,
           count(*) AS total
      FROM byoa_account WHERE workspace_id IS NOT NULL GROUP BY 1, 2)
SELECT DISTINCT c.workspace_id
  FROM counted c LEFT JOIN rented r ON r.workspace_id = c.workspace_id AND r.family = c.family
 WHERE c.seated <> LEAST(c.total, COALESCE(r.quantity, 0))
 ORDER BY 1
"""
# As `seats_of` counts them.
_PAID = [Subscription.State.ACTIVE, Subscription.State.PAST_DUE]


def out_of_step() -> list[int]:
    """Workspaces with accounts whose seats have ended, or whose seats are back. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_OUT_OF_STEP, [_PAID])
        return [workspace_id for (workspace_id,) in cursor.fetchall()]
