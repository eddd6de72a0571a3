"""API keys: made, changed, rotated, revoked. Each change leaves an audit event in its transaction."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.accounts import keys, selectors
from apps.accounts.models import ApiKey, Scope, User, Workspace
from apps.accounts.services.auditing import audit
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

MAX_KEYS_PER_WORKSPACE = 200
# How long a rotated key's old secret goes on working, as people choose it.
OVERLAPS = {
    "0": timedelta(),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}


@dataclass(frozen=True)
class KeyTerms:
    """What a key may do. Caps are points, `allowed_networks` addresses or CIDR ranges; None and empty mean no limit."""

    name: str
    scopes: Sequence[str] = tuple(Scope.values)
    allowed_networks: Sequence[str] = ()
    cap_total_points: int | None = None
    cap_daily_points: int | None = None
    cap_monthly_points: int | None = None
    rate_limit_per_minute: int | None = None
    expires_at: datetime | None = None
    tokens_per_minute: int | None = None
    allowed_models: Sequence[str] = ()


@transaction.atomic
def create_key(
    *, workspace_id: int, terms: KeyTerms, actor: User | None, ip: str | None = None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which exists nowhere else from here on. Raises InvalidRequest."""
    fields: Any = _checked(terms)
    # The lock makes the count below true until we commit.
    Workspace.objects.select_for_update().get(pk=workspace_id)
    live = ApiKey.objects.of(workspace_id).filter(revoked_at__isnull=True).count()
    if live >= MAX_KEYS_PER_WORKSPACE:
        raise InvalidRequest(
            sentence(
                "A workspace has at most {count} keys. Revoke one that is not used.",
                count=MAX_KEYS_PER_WORKSPACE,
            )
        )
    secret = keys.new_key()
    key = ApiKey.objects.create(
        workspace_id=workspace_id,
        created_by=actor,
        digest=keys.digest(secret),
        prefix=keys.shown_prefix(secret),
        last_four=secret[-4:],
        **fields,
    )
    _note(key, actor, "key.created", ip)
    return key, secret


@transaction.atomic
def revoke_key(
    *, workspace_id: int, key_id: int, actor: User | None, ip: str | None = None
) -> ApiKey:
    """End a key for good. Every process refuses it within a second. Safe to repeat."""
    key = selectors.api_key(workspace_id=workspace_id, key_id=key_id)
    changed = (
        ApiKey.objects.of(workspace_id)
        .filter(pk=key.pk, revoked_at__isnull=True)
        .update(revoked_at=timezone.now(), revoked_by=actor)
    )
    if changed:
        _note(key, actor, "key.revoked", ip)
        transaction.on_commit(selectors.forget_believed_keys)
    key.refresh_from_db()
    return key


@transaction.atomic
def change_key(
    *, workspace_id: int, key_id: int, terms: KeyTerms, actor: User | None, ip: str | None = None
) -> ApiKey:
    """Give a key other terms, its caps excepted: `billing.services.budgets` sets those, since they count.

    Every process goes by them within a second. Raises NotFound, and InvalidRequest for a revoked key too. Safe to
    repeat: what stays the same leaves no audit event.
    """
    wanted = {name: value for name, value in _checked(terms).items() if not name.startswith("cap_")}
    key = _locked(workspace_id, key_id)
    changed = [name for name, value in wanted.items() if getattr(key, name) != value]
    if not changed:
        return key
    before = {name: _plain(getattr(key, name)) for name in changed}
    for name in changed:
        setattr(key, name, wanted[name])
    key.save(update_fields=changed)
    after = {name: _plain(wanted[name]) for name in changed}
    _note(key, actor, "key.changed", ip, before=before, after=after)
    transaction.on_commit(selectors.forget_believed_keys)
    return key


@transaction.atomic
def rotate_key(
    *,
    workspace_id: int,
    key_id: int,
    overlap: str,
    seen: str,
    actor: User | None,
    ip: str | None = None,
) -> tuple[ApiKey, str]:
    """A new secret for the same key, which exists nowhere else from here on; the old one works for `overlap` longer.

    Both are the same key: caps, limits and its log go on. A secret from a rotation before this one ends at once.
    `seen` is the last four characters the person saw: a second click rotates nothing. Raises NotFound and
    InvalidRequest.
    """
    if overlap not in OVERLAPS:
        raise InvalidRequest.field(
            "overlap", sentence("Choose how long the old secret goes on working.")
        )
    key = _locked(workspace_id, key_id)
    if seen != key.last_four:
        raise InvalidRequest(
            sentence("This key has a newer secret already. Rotate again only if that is lost.")
        )
    secret, lives = keys.new_key(), OVERLAPS[overlap]
    before = key.masked
    kept = bytes(key.digest), key.last_four, timezone.now() + lives
    key.old_digest, key.old_last_four, key.old_until = kept if lives else (None, "", None)
    key.digest = keys.digest(secret)
    key.prefix, key.last_four = keys.shown_prefix(secret), secret[-4:]
    key.rotated_at = timezone.now()
    key.save(update_fields=[*_OLD, "digest", "prefix", "last_four", "rotated_at"])
    _note(key, actor, "key.rotated", ip, before=before, after=key.masked, overlap=overlap)
    transaction.on_commit(selectors.forget_believed_keys)
    return key, secret


@transaction.atomic
def end_old_secret(
    *, workspace_id: int, key_id: int, actor: User | None, ip: str | None = None
) -> ApiKey:
    """The secret from before the last rotation works no longer. Safe to repeat."""
    key = _locked(workspace_id, key_id)
    if key.old_until is not None:
        ended = f"…{key.old_last_four}"
        key.old_digest, key.old_last_four, key.old_until = None, "", None
        key.save(update_fields=list(_OLD))
        _note(key, actor, "key.old_secret_ended", ip, old=ended)
        transaction.on_commit(selectors.forget_believed_keys)
    return key


_OLD = ("old_digest", "old_last_four", "old_until")


def _locked(workspace_id: int, key_id: int) -> ApiKey:
    selectors.api_key(workspace_id=workspace_id, key_id=key_id)
    key = ApiKey.objects.of(workspace_id).select_for_update().get(pk=key_id)
    if key.revoked_at is not None:
        raise InvalidRequest(
            sentence("This key is revoked, and that is for good. Create another one.")
        )
    return key


def _plain(value: Any) -> Any:
    """As JSON holds it."""
    return value.isoformat() if isinstance(value, datetime) else value


def _note(key: ApiKey, actor: User | None, action: str, ip: str | None, **more: Any) -> None:
    audit(
        workspace_id=key.workspace_id,
        actor=actor,
        action=action,
        target=key.masked,
        ip=ip,
        detail={"name": key.name, **more},
    )


def note_key_use(*, key_id: int, ip: str | None) -> None:
    """When and from where a key was last used, to the minute."""
    ApiKey.objects.across_workspaces().filter(pk=key_id).update(
        last_used_at=timezone.now(), last_used_ip=ip
    )


def _checked(terms: KeyTerms) -> dict[str, Any]:
    name = terms.name.strip()
    if not 1 <= len(name) <= 100:
        raise InvalidRequest.field("name", sentence("Give the key a name of 1 to 100 characters."))
    scopes = [scope for scope in Scope.values if scope in terms.scopes]
    if not scopes or len(scopes) != len(set(terms.scopes)):
        words = sentence("Choose at least one of {scopes}.", scopes=", ".join(Scope.values))
        raise InvalidRequest.field("scopes", words)
    if terms.expires_at is not None and terms.expires_at <= timezone.now():
        raise InvalidRequest.field("expires_at", sentence("The expiry must lie in the future."))
    caps = {
        "cap_total_points": terms.cap_total_points,
        "cap_daily_points": terms.cap_daily_points,
        "cap_monthly_points": terms.cap_monthly_points,
        "rate_limit_per_minute": terms.rate_limit_per_minute,
        "tokens_per_minute": terms.tokens_per_minute,
    }
    _check_limits(caps)
    return {
        "name": name,
        "scopes": scopes,
        "allowed_networks": _networks(terms.allowed_networks),
        "expires_at": terms.expires_at,
        "allowed_models": _models(terms.allowed_models),
        **caps,
    }


def _check_limits(limits: dict[str, int | None]) -> None:
    highest = {"rate_limit_per_minute": 1_000_000, "tokens_per_minute": 2_000_000_000}
    for name, value in limits.items():
        if value is not None and not 0 <= value <= highest.get(name, 10**17):
            raise InvalidRequest.field(
                name, sentence("The limit must not be negative or that large.")
            )
    for name, words in _AT_LEAST_ONE.items():
        if limits[name] == 0:
            raise InvalidRequest.field(name, words)


_AT_LEAST_ONE = {
    "rate_limit_per_minute": sentence("A key needs at least 1 request a minute."),
    "tokens_per_minute": sentence("A key needs at least 1 token a minute."),
}
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")


def _models(names: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if len(found) > 100 or not all(_MODEL_NAME.fullmatch(name) for name in found):
        raise InvalidRequest.field(
            "allowed_models", sentence("Name at most 100 models by their ids, such as gpt-4o-mini.")
        )
    return found


def _networks(texts: Sequence[str]) -> list[str]:
    if len(texts) > 50:
        raise InvalidRequest.field("allowed_networks", sentence("At most 50 addresses or ranges."))
    try:
        # A zone ("%eth0") means something on one machine only, and Python takes any text as one.
        return [
            str(ipaddress.ip_network(text.strip().replace("%", " "), strict=False))
            for text in texts
        ]
    except ValueError:
        raise InvalidRequest.field(
            "allowed_networks",
            sentence("Each line must be an address or a range such as 203.0.113.0/24."),
        ) from None
