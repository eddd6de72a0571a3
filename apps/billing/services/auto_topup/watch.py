"""Whose balance is below their mark, and the start of their top-up. Any number may watch at once."""

import logging
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.billing.gateways import stripe as gateway
from apps.billing.models import AutoTopUp, PaymentCustomer, Provider, TopUp, Wallet
from apps.billing.selectors import auto_topup as selectors
from apps.billing.services.auto_topup import charge

log = logging.getLogger(__name__)
State = TopUp.State

_LOW = """
SELECT a.workspace_id FROM billing_autotopup a
  JOIN billing_wallet w ON w.workspace_id = a.workspace_id
  JOIN accounts_workspace s ON s.id = a.workspace_id
 WHERE a.is_on AND s.is_enabled AND w.available < a.threshold_points
   AND (a.last_started_at IS NULL OR a.last_started_at <= %(before)s)
   AND NOT EXISTS (SELECT FROM billing_topup t WHERE t.workspace_id = a.workspace_id AND t.kind = 'auto'
                      AND t.state IN ('created', 'processing', 'needs_action'))
 ORDER BY a.last_started_at NULLS FIRST, a.workspace_id
 LIMIT %(most)s
"""
_MOST = 50
# What is left over is the next beat's.
_SLICE_SECONDS = 40.0


def watch() -> int:
    """Charge whose time has come and look again at what is open. Says how many were started."""
    if not gateway.is_configured():
        return 0
    stop_at = time.monotonic() + _SLICE_SECONDS
    charge.sweep(stop_at=stop_at)
    started = 0
    for workspace_id in _low():
        if time.monotonic() >= stop_at:
            break
        started += _begun(workspace_id)
    return started


def _low() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_LOW, {"before": timezone.now() - _pause(), "most": _MOST})
        return [row[0] for row in cursor.fetchall()]


def _pause() -> timedelta:
    return timedelta(minutes=settings.AUTO_TOPUP_MIN_MINUTES)


def _begun(workspace_id: int) -> bool:
    try:
        top_up = start(workspace_id=workspace_id)
        if top_up is None:
            return False
        charge.ask(top_up=top_up)
    except gateway.Unavailable:
        pass  # the sweep asks again
    except Exception:
        # A fault in one workspace must not keep the others waiting; the sweep looks at its row again.
        log.exception("automatic top-up not finished", extra={"provider": "stripe"})
    return True


@transaction.atomic
def start(*, workspace_id: int, now: datetime | None = None) -> TopUp | None:
    """The row of a top-up that is to be charged, if it is time for one; at most one of a workspace is open.

    None while somebody else starts one, within the shortest pause, and where a limit would be passed.
    """
    now = now or timezone.now()
    rows = AutoTopUp.objects.of(workspace_id).select_for_update(skip_locked=True, of=("self",))
    row = rows.select_related("workspace").first()
    if row is None or not _is_time(row, now):
        return None
    row.last_started_at = now
    row.save(update_fields=["last_started_at", "updated_at"])
    return TopUp.objects.create(
        workspace=row.workspace,
        kind=TopUp.Kind.AUTO,
        provider=Provider.STRIPE,
        client_key=f"auto:{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}",
        amount_points=row.amount_points,
        state=State.PROCESSING,
        created_at=now,
        next_at=now + charge.LEASE,
    )


def _is_time(row: AutoTopUp, now: datetime) -> bool:
    if not (row.is_on and row.workspace.is_enabled):
        return False
    if row.last_started_at is not None and row.last_started_at > now - _pause():
        return False
    available = Wallet.objects.of(row.workspace_id).values_list("available", flat=True).get()
    return (
        available < row.threshold_points
        and not selectors.open_top_up(workspace_id=row.workspace_id)
        and selectors.room(row=row, now=now) >= row.amount_points
        and PaymentCustomer.objects.of(row.workspace_id).exclude(card_ref="").exists()
    )
