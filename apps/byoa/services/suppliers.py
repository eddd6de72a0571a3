"""Asking providers what the operator's accounts have and have spent, to be compared with what we recorded."""

import logging

from apps.byoa import selectors
from apps.byoa.models import Account, SupplierSnapshot
from apps.core import egress
from apps.core.errors import NotFound
from apps.core.sealing import CannotOpen
from apps.providers import flow, registry
from apps.providers.base import Figures, ProviderError, TellsFigures

log = logging.getLogger(__name__)


def tells(account: Account) -> bool:
    """Whether the account's provider gives figures at all."""
    return _adapter(account) is not None


def look(*, account_id: int) -> SupplierSnapshot | None:
    """Ask now and keep the answer, or why there is none. None: this provider gives no figures.

    Needs seconds; never inside a transaction. Raises NotFound.
    """
    account = Account.objects.across_workspaces().filter(pk=account_id, workspace=None).first()
    if account is None:
        raise NotFound(f"There is no account {account_id} in the pool.")
    adapter = _adapter(account)
    if adapter is None:
        return None
    found, problem = _asked(account, adapter)
    return SupplierSnapshot.objects.create(
        account=account,
        balance_points=found.balance,
        held_points=found.held,
        used_points=found.used,
        error=problem[:300],
    )


def look_at_all() -> int:
    """Ask for every account of the pool, one after the other. Says for how many there were figures."""
    ids = Account.objects.across_workspaces().filter(workspace=None).order_by("id")
    taken = [_looked(pk) for pk in ids.values_list("pk", flat=True)]
    return sum(one is not None and not one.error for one in taken)


def _looked(account_id: int) -> SupplierSnapshot | None:
    try:
        return look(account_id=account_id)
    except NotFound:  # removed meanwhile
        return None


def _adapter(account: Account) -> TellsFigures | None:
    try:
        adapter = registry.adapter(account.provider)
    except registry.UnknownProvider:
        return None
    return adapter if isinstance(adapter, TellsFigures) else None


def _asked(account: Account, adapter: TellsFigures) -> tuple[Figures, str]:
    try:
        return flow.run(adapter.figures(selectors.access(account)), egress.send), ""
    except (ProviderError, CannotOpen) as error:
        return Figures(), str(error) or type(error).__name__
    except Exception as error:
        # A fault of ours must not keep the other accounts from being asked.
        log.exception("figures not read", extra={"account": account.pk})
        return Figures(), f"The look-up broke: {type(error).__name__}."
