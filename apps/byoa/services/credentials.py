"""An account's credential in its row: sealed, told apart from others, destroyed."""

import hashlib
import hmac

from django.conf import settings

from apps.byoa.models import Account
from apps.byoa.services.terms import origin
from apps.core import sealing


def digest(*, provider: str, base_url: str, credential: str) -> str:
    """The same for the same credential at the same server, and of no use to whoever lacks our key."""
    scheme, host, port = origin(base_url)
    text = "\n".join([provider, scheme, host, str(port), credential])
    key = hashlib.sha256(b"modelyard accounts:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def put(account: Account, credential: str) -> None:
    """Seal the credential into a row that is there. A customer's must not be on another seat (IntegrityError)."""
    account.credential = credential and sealing.seal(credential, bound_to=account.sealed_to)
    account.credential_digest = None
    if credential and account.workspace_id is not None:
        account.credential_digest = digest(
            provider=account.provider, base_url=account.base_url, credential=credential
        )
    account.save(update_fields=["credential", "credential_digest", "updated_at"])


def shred(account: Account) -> None:
    """Nothing can open it any more; the row stays."""
    account.credential, account.credential_digest = "", None
    account.save(update_fields=["credential", "credential_digest", "updated_at"])
