from typing import Any

from apps.accounts.models import Workspace
from apps.billing.models import Seats, Subscription
from apps.byoa.models import Account
from apps.byoa.services import accounts, credentials

CREDENTIAL = "upstream-key"
BASE_URL = "https://upstream.example.com"


def account(**fields: Any) -> Account:
    """An account of the operator's pool, made as the operator makes one.

    `provider` and `credential` besides the fields of `Terms`; anything else (status, turn, …) is then written as it is.
    """
    provider = fields.pop("provider", "federation")
    credential = fields.pop("credential", CREDENTIAL)
    names = accounts.Terms.__dataclass_fields__
    terms = {name: value for name, value in fields.items() if name in names and name != "is_backup"}
    made = accounts.add_account(
        provider=provider,
        terms=accounts.Terms(**{"label": "Upstream", "base_url": BASE_URL, **terms}),
        credential=credential,
    )
    rest = {name: value for name, value in fields.items() if name not in terms}
    if rest:
        Account.objects.across_workspaces().filter(pk=made.pk).update(**rest)
        made.refresh_from_db()
    return made


def own_account(workspace: Workspace, family: str = "midjourney", **fields: Any) -> Account:
    """An account on a seat of the workspace, as connecting makes it, without anybody being asked.

    Each has another credential unless one is given; Midjourney's follow the request (`mode` "fast").
    """
    mode = "fast" if family == "midjourney" else ""
    given = fields.pop("credential", None)
    made = account(workspace=workspace, families=[family], **{"mode": mode, **fields})
    credentials.put(made, given or f"{CREDENTIAL}-{made.pk}")
    return made


def seats(workspace: Workspace, family: str = "midjourney", quantity: int = 1) -> Seats:
    """So many seats of the family in all, on a subscription that is paid; there is nothing at Stripe."""
    subscription, _ = Subscription.objects.across_workspaces().get_or_create(
        workspace=workspace,
        state=Subscription.State.ACTIVE,
        defaults={"ref": f"sub_test_seats_{workspace.pk}"},
    )
    row, _ = Seats.objects.across_workspaces().update_or_create(
        workspace=workspace,
        subscription=subscription,
        family=family,
        defaults={"quantity": quantity, "first_points": 1, "further_points": 1},
    )
    return row
