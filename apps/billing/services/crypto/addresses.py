"""Deposit addresses from the operator's extended public key: m/44'/60'/0'/0/index.

Only the public half is here: what arrives can be seen, and never be spent, by this machine. Importing this takes about
0.15 s, most of it the curve's library.
"""

from bip32 import BIP32
from coincurve import PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Max
from eth_hash.auto import keccak

from apps.accounts.models import Workspace
from apps.billing.models import DepositAddress, TopUp

# Any number, as long as nobody else takes the same lock.
_LOCK = 7_320_044_060
_ACCOUNT_DEPTH = 3


def check_key() -> None:
    """Raises ImproperlyConfigured for a key that addresses must not come from. Never repeats the key."""
    _account()


def address_at(index: int) -> str:
    """The address with that number, checksummed (EIP-55)."""
    public = PublicKey(_account().get_pubkey_from_path([0, index]))
    return checksummed(keccak(public.format(compressed=False)[1:])[-20:])


def checksummed(address: bytes) -> str:
    """EIP-55: a letter is a capital where the hash of the address says so."""
    plain = address.hex()
    hashed = keccak(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(nibble, 16) >= 8 else letter
        for letter, nibble in zip(plain, hashed, strict=False)
    )


def give(*, top_up: TopUp, chain: str, token: str) -> DepositAddress:
    """The next address that nobody had, inside the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    everybodys = DepositAddress.objects.across_workspaces()
    last = everybodys.aggregate(last=Max("index"))["last"]
    index = 0 if last is None else last + 1
    return DepositAddress.objects.create(
        index=index,
        address=address_at(index),
        workspace=Workspace(pk=top_up.workspace_id),
        top_up=top_up,
        chain=chain,
        token=token,
    )


def _account() -> BIP32:
    if not settings.CRYPTO_XPUB.startswith("xpub"):
        raise ImproperlyConfigured("CRYPTO_XPUB must be an extended public key (xpub…).")
    try:
        account = BIP32.from_xpub(settings.CRYPTO_XPUB)
    except Exception:
        # The library raises assertion errors and its own for what is no key; none may repeat it.
        raise ImproperlyConfigured("CRYPTO_XPUB is not a valid extended public key.") from None
    if account.depth != _ACCOUNT_DEPTH:
        raise ImproperlyConfigured(
            "CRYPTO_XPUB must be the key of the account, m/44'/60'/0': no wallet finds the "
            "addresses of a key from another level."
        )
    return account
