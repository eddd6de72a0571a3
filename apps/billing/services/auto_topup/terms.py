"""What an owner wants of automatic top-ups."""

from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.billing.models import AutoTopUp
from apps.billing.services import saved_cards
from apps.billing.services.topups import check_amount
from apps.core.errors import InvalidRequest
from apps.core.money import format_usd
from apps.core.sentences import sentence

_CENT = 100_000
# Nobody means more than so many of the largest top-ups, and sums stay far from what a column holds.
_MOST = 1000
_MARK = sentence("The mark is")
_IN_A_DAY = sentence("One top-up has to fit into a day:")
_IN_A_MONTH = sentence("A day has to fit into a month:")


@dataclass(frozen=True)
class Wanted:
    """Below `threshold_points` add `amount_points`, at most so much a UTC day and month. Whole cents."""

    is_on: bool
    threshold_points: int
    amount_points: int
    daily_cap_points: int
    monthly_cap_points: int


@transaction.atomic
def change(
    *, workspace_id: int, wanted: Wanted, actor: User | None, ip: str | None = None
) -> AutoTopUp:
    """Keep what the owner wants; switching it on forgets earlier failures. Safe to repeat.

    Raises InvalidRequest for amounts that do not fit, and for switching it on without a saved card.
    """
    _check(wanted)
    if wanted.is_on:
        saved_cards.saved(workspace_id=workspace_id)
    facts = asdict(wanted)
    row, is_new = (
        AutoTopUp.objects.across_workspaces()
        .select_for_update()
        .get_or_create(workspace_id=workspace_id, defaults={**facts, "changed_by": actor})
    )
    was = {} if is_new else {name: getattr(row, name) for name in facts}
    if was == facts and not row.stopped_reason:
        return row
    for name, value in facts.items():
        setattr(row, name, value)
    row.stopped_reason, row.failures, row.changed_by = "", 0, actor
    row.save()
    changed = {name: value for name, value in facts.items() if was.get(name) != value}
    accounts.audit(
        workspace_id=workspace_id,
        actor=actor,
        ip=ip,
        action="auto_topup.changed",
        target="on" if row.is_on else "off",
        detail={"from": {name: was.get(name) for name in changed}, "to": changed},
    )
    return row


def _check(wanted: Wanted) -> None:
    try:
        check_amount(wanted.amount_points)
    except InvalidRequest as error:
        raise InvalidRequest.field("amount_points", error.words) from None
    most = settings.TOPUP_MAX_POINTS
    limits = {
        "threshold_points": (_CENT, most, _MARK),
        "daily_cap_points": (wanted.amount_points, most * _MOST, _IN_A_DAY),
        "monthly_cap_points": (wanted.daily_cap_points, most * _MOST, _IN_A_MONTH),
    }  # fmt: skip
    for name, (least, highest, words) in limits.items():
        points = getattr(wanted, name)
        if points % _CENT:
            raise InvalidRequest.field(name, sentence("The smallest step is one cent."))
        if not least <= points <= highest:
            bounds = {"least": format_usd(least), "most": format_usd(highest)}
            refused = sentence("{what} from {least} to {most}.", what=words, **bounds)
            raise InvalidRequest.field(name, refused)
