"""Telling owners of a low or exhausted balance: once, until credits come in again."""

from django.conf import settings
from django.db import connection, transaction

from apps.billing.models import BalanceAlert, Wallet
from apps.billing.selectors.people import recipients
from apps.core.money import display_credits, format_balance
from apps.core.sentences import sentence
from apps.notifications.events import Channel
from apps.notifications.services import account_events, mail

Kind = BalanceAlert.Kind
_EXHAUSTED = "credits_exhausted"

# Only income arms an alert again: work that gives its hold back, back and forth over the mark, is no news.
_REARM = """
DELETE FROM billing_balancealert a USING billing_wallet w, accounts_workspace s
 WHERE w.workspace_id = a.workspace_id AND s.id = a.workspace_id
   AND w.available >= CASE a.kind WHEN 'low' THEN COALESCE(s.low_balance_points, %(low)s::bigint)
                                  ELSE %(exhausted)s::bigint END
   AND EXISTS (SELECT FROM billing_creditentry e
                WHERE e.workspace_id = a.workspace_id AND e.created_at > a.told_at AND e.available_delta > 0
                  AND e.kind IN ('PURCHASE', 'GRANT', 'REINSTATEMENT', 'REFUND', 'ADJUSTMENT'))
"""
# A balance that starts below the mark did not fall below it: welcome credits alone tell nobody anything, unless the
# owner has set a mark.
_FALLEN = """
SELECT w.workspace_id, w.available < %(exhausted)s::bigint
  FROM billing_wallet w JOIN accounts_workspace s ON s.id = w.workspace_id
 WHERE s.is_enabled
   AND w.available < GREATEST(COALESCE(s.low_balance_points, %(low)s::bigint), %(exhausted)s::bigint)
   AND (s.low_balance_points > 0
        OR EXISTS (SELECT FROM billing_creditentry e WHERE e.workspace_id = w.workspace_id AND e.kind = 'PURCHASE'))
   AND NOT EXISTS (SELECT FROM billing_balancealert a
                    WHERE a.workspace_id = w.workspace_id
                      AND a.kind = CASE WHEN w.available < %(exhausted)s::bigint THEN 'exhausted' ELSE 'low' END)
 ORDER BY w.workspace_id
"""


def watch() -> None:
    """Tell whoever's balance has fallen below its mark, once. Safe to repeat, to interrupt and to run twice at once."""
    marks = {"low": settings.LOW_BALANCE_POINTS, "exhausted": settings.EXHAUSTED_POINTS}
    with connection.cursor() as cursor:
        cursor.execute(_REARM, marks)
        cursor.execute(_FALLEN, marks)
        fallen = cursor.fetchall()
    for workspace_id, is_exhausted in fallen:
        if is_exhausted:
            tell_exhausted(workspace_id=workspace_id)
        else:
            _tell_low(workspace_id)


@transaction.atomic
def tell_exhausted(*, workspace_id: int) -> None:
    """Tell owners by mail, and whoever listens to account events, that credits are used up. Once until income."""
    alert = _first(workspace_id, Kind.EXHAUSTED)
    if alert is None:
        return
    # Who knows this need not hear that the balance is low.
    _first(workspace_id, Kind.LOW)
    wallet = Wallet.objects.of(workspace_id).select_related("workspace").get()
    if account_events.wants(workspace_id=workspace_id, type=_EXHAUSTED, channel=Channel.EMAIL):
        _mail(wallet, alert, _EXHAUSTED)
    _notify(wallet, alert)


@transaction.atomic
def _tell_low(workspace_id: int) -> None:
    alert = _first(workspace_id, Kind.LOW)
    if alert is not None:
        wallet = Wallet.objects.of(workspace_id).select_related("workspace").get()
        _mail(wallet, alert, "low_balance")


_ADD = """
INSERT INTO billing_balancealert (workspace_id, kind) VALUES (%s, %s)
ON CONFLICT (workspace_id, kind) DO NOTHING RETURNING id
"""


def _first(workspace_id: int, kind: Kind) -> int | None:
    """The alert's id when it was not there; somebody else who tells the same at this moment wins or waits."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [workspace_id, kind.value])
        row = cursor.fetchone()
    return row[0] if row else None


def _mail(wallet: Wallet, alert: int, template: str) -> None:
    mail.add(
        key=f"{template}:{alert}",
        to=recipients(workspace_id=wallet.workspace_id),
        template=template,
        context={"workspace": wallet.workspace, "balance": format_balance(wallet.available)},
        workspace_id=wallet.workspace_id,
    )


def _notify(wallet: Wallet, alert: int) -> None:
    left = int(display_credits(wallet.available))
    account_events.tell(
        workspace_id=wallet.workspace_id,
        type=_EXHAUSTED,
        message=sentence("The workspace has used up its credits."),
        detail={"credis_remain": left, "credits_remain": left},
        key=f"{_EXHAUSTED}:{alert}",
        url=f"/w/{wallet.workspace.slug}/billing",
    )
