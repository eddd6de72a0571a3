"""Entry points of what reads chains. Each chain has a look of its own, so that a slow one keeps no other waiting."""

from celery import shared_task

from apps.billing import chains
from apps.billing.services import btcpay
from apps.billing.services.crypto import topups, watch
from apps.core.queue import send


@shared_task(name="billing.watch_chains", ignore_result=True)
def watch_chains() -> None:
    """Have every chain looked at."""
    for chain in chains.configured():
        send("billing.watch_chain", expires=10, chain=chain)
    topups.expire()


@shared_task(name="billing.watch_chain", ignore_result=True)
def watch_chain(chain: str) -> None:
    watch.watch(chain=chain)


@shared_task(name="billing.btcpay", ignore_result=True)
def look_at_btcpay() -> None:
    """Look at invoices whose webhook may have been lost."""
    btcpay.sweep()
