"""How an account is reached."""

from apps.byoa.models import Account
from apps.core import sealing
from apps.providers.base import Access


def access(account: Account) -> Access:
    """What an adapter needs to use the account. Raises sealing.CannotOpen."""
    credential = account.credential and sealing.unseal(
        account.credential, bound_to=account.sealed_to
    )
    return Access(base_url=account.base_url, credential=credential, config=account.config)
