from typing import Any

from apps.byoa.models import Account
from apps.byoa.services import accounts

CREDENTIAL = "upstream-key"
BASE_URL = "https://upstream.example.com"


def account(**fields: Any) -> Account:
    """An account of the operator's pool, made as the operator makes one.

    `provider` and `credential` besides the fields of `Terms`; anything else (status, turn, …) is then written as it is.
    """
    provider = fields.pop("provider", "federation")
    credential = fields.pop("credential", CREDENTIAL)
    names = accounts.Terms.__dataclass_fields__
    terms = {name: value for name, value in fields.items() if name in names}
    made = accounts.add_account(
        provider=provider,
        terms=accounts.Terms(**{"label": "Upstream", "base_url": BASE_URL, **terms}),
        credential=credential,
    )
    rest = {name: value for name, value in fields.items() if name not in names}
    if rest:
        Account.objects.across_workspaces().filter(pk=made.pk).update(**rest)
        made.refresh_from_db()
    return made
