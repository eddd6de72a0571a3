"""Steps that tests of token payments share."""

from apps.accounts.models import Workspace
from apps.billing.models import ChainCursor, Deposit, DepositAddress, Payment, TopUp, Wallet
from apps.billing.services.crypto import topups, watch

USD = 10_000_000
_keys = iter(range(10_000))


def asked(
    workspace: Workspace,
    *,
    usd: int = 10,
    token: str = "USDC",  # noqa: S107 - a coin
) -> tuple[TopUp, str]:
    """A top-up and its address."""
    top_up = topups.start(
        workspace_id=workspace.pk,
        user=None,
        amount_points=usd * USD,
        client_key=f"client-key-{next(_keys)}",
        chain="local",
        token=token,
    )
    return top_up, DepositAddress.objects.of(workspace.pk).get(top_up=top_up).address


def look() -> str:
    """One look at the chain; what is wrong with it."""
    assert watch.watch(chain="local")
    return problem()


def problem() -> str:
    return ChainCursor.objects.get(pk="local").problem


def state(top_up: TopUp) -> tuple[str, str]:
    top_up.refresh_from_db()
    return top_up.state, top_up.failure


def deposits(workspace: Workspace) -> list[tuple[str, int]]:
    """State and points of each, oldest first."""
    return list(Deposit.objects.of(workspace.pk).order_by("id").values_list("state", "points"))


def balance(workspace: Workspace) -> tuple[int, int]:
    """Available and owed."""
    wallet = Wallet.objects.of(workspace.pk).get()
    return wallet.available, wallet.debt


def paid(workspace: Workspace) -> list[int]:
    """Points of each payment that are still credited."""
    rows = Payment.objects.of(workspace.pk).order_by("created_at")
    return [payment.credit_points - payment.clawed_points for payment in rows]
