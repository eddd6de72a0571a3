"""Workspaces that work on accounts of their own: seats without Stripe, accounts without a provider being asked."""

from typing import Any

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.byoa import selectors as byoa
from apps.byoa.models import Account
from tests.factories.byoa import account, own_account, seats

BRIDGE = "midjourney_bridge"
MANY_SEATS = 20


def private(
    workspace: Workspace,
    *,
    family: str = "midjourney",
    failover: bool = False,
    quantity: int = MANY_SEATS,
) -> Workspace:
    """The workspace with seats of the family and its tasks on own accounts unless a request says otherwise."""
    if quantity:
        seats(workspace, family, quantity)
    families = [family] if failover else []
    change(workspace, private_families=[family], failover_families=families)
    return workspace


def change(workspace: Workspace, **fields: Any) -> None:
    """As the settings' pages would: identities know of it at once."""
    Workspace.objects.filter(pk=workspace.pk).update(**fields)
    workspace.refresh_from_db()
    selectors.forget_believed_keys()


def bridge_account(workspace: Workspace, label: str = "A", **fields: Any) -> Account:
    """An account of the workspace at a bridge that nobody runs."""
    return own_account(workspace, **{"provider": BRIDGE, "label": label, **fields})


def operators(label: str = "Operator", **fields: Any) -> Account:
    """An account of the operator's at such a bridge."""
    made = account(
        **{"provider": BRIDGE, "label": label, "mode": "fast", "families": ["midjourney"], **fields}
    )
    byoa.forget_pool()
    return made


def set_account(made: Account, **fields: Any) -> None:
    """Write what a provider, a clock or its owner would change."""
    Account.objects.across_workspaces().filter(pk=made.pk).update(**fields)
    made.refresh_from_db()
    byoa.forget_pool()
