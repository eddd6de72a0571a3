"""Making and changing workspaces, members and keys. Every change of access leaves an audit event in its transaction."""

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from apps.accounts import keys, selectors
from apps.accounts.models import ApiKey, AuditEvent, Membership, Scope, User, Workspace
from apps.core.errors import InvalidRequest

MAX_KEYS_PER_WORKSPACE = 200
# Words that URLs or people could take for something of ours.
_RESERVED_SLUGS = frozenset(
    {"api", "auth", "me", "ops", "docs", "static", "files", "new", "w", "v1", "account"}
)


@transaction.atomic
def create_workspace(*, owner: User, name: str, slug: str | None = None) -> Workspace:
    """A workspace with `owner` in it. Without a slug one is made from the name; a taken slug gets a suffix."""
    base = slugify(slug or name)[:40].strip("-") or "workspace"
    if base in _RESERVED_SLUGS:
        base = f"{base}-team"
    workspace = _insert_workspace(name=name[:100], base=base)
    Membership.objects.create(user=owner, workspace=workspace, role=Membership.Role.OWNER)
    return workspace


def _insert_workspace(*, name: str, base: str) -> Workspace:
    slug = base
    while True:
        try:
            with transaction.atomic():
                return Workspace.objects.create(name=name, slug=slug)
        except IntegrityError:
            slug = f"{base}-{secrets.token_hex(3)}"


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
            f"A workspace has at most {MAX_KEYS_PER_WORKSPACE} keys. Revoke one that is not used."
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
    _audit(workspace_id, actor, "key.created", key.masked, ip, {"name": key.name})
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
        _audit(workspace_id, actor, "key.revoked", key.masked, ip, {"name": key.name})
        transaction.on_commit(selectors.forget_believed_keys)
    key.refresh_from_db()
    return key


MOST_CONTENT_DAYS = 90


@transaction.atomic
def set_llm_content(
    *, workspace_id: int, actor: User | None, ip: str | None, is_on: bool, days: int
) -> Workspace:
    """Whether what is said in LLM calls from now on is kept, and for how many days. Raises InvalidRequest."""
    if not 1 <= days <= MOST_CONTENT_DAYS:
        raise InvalidRequest.field("days", f"Choose 1 to {MOST_CONTENT_DAYS} days.")
    workspace = Workspace.objects.select_for_update().get(pk=workspace_id)
    before = {"is_on": workspace.keeps_llm_content, "days": workspace.llm_content_days}
    after = {"is_on": is_on, "days": days}
    if before == after:
        return workspace
    workspace.keeps_llm_content, workspace.llm_content_days = is_on, days
    workspace.save(update_fields=["keeps_llm_content", "llm_content_days", "updated_at"])
    detail = {"before": before, "after": after}
    _audit(workspace_id, actor, "workspace.llm_content", workspace.slug, ip, detail)
    transaction.on_commit(selectors.forget_believed_keys)
    return workspace


def note_key_use(*, key_id: int, ip: str | None) -> None:
    """When and from where a key was last used, to the minute."""
    ApiKey.objects.across_workspaces().filter(pk=key_id).update(
        last_used_at=timezone.now(), last_used_ip=ip
    )


def audit(
    *,
    workspace_id: int,
    actor: User | None,
    action: str,
    target: str,
    ip: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Keep for good who did what in a workspace, in the caller's transaction. `detail` holds no secret."""
    _audit(workspace_id, actor, action, target[:100], ip, detail or {})


def _audit(
    workspace_id: int,
    actor: User | None,
    action: str,
    target: str,
    ip: str | None,
    detail: dict[str, Any],
) -> None:
    AuditEvent.objects.create(
        workspace_id=workspace_id, actor=actor, action=action, target=target, ip=ip, detail=detail
    )


def _checked(terms: KeyTerms) -> dict[str, Any]:
    name = terms.name.strip()
    if not 1 <= len(name) <= 100:
        raise InvalidRequest.field("name", "Give the key a name of 1 to 100 characters.")
    scopes = [scope for scope in Scope.values if scope in terms.scopes]
    if not scopes or len(scopes) != len(set(terms.scopes)):
        raise InvalidRequest.field("scopes", f"Choose at least one of {', '.join(Scope.values)}.")
    if terms.expires_at is not None and terms.expires_at <= timezone.now():
        raise InvalidRequest.field("expires_at", "The expiry must lie in the future.")
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
            raise InvalidRequest.field(name, "The limit must not be negative or that large.")
    for name, words in _AT_LEAST_ONE.items():
        if limits[name] == 0:
            raise InvalidRequest.field(name, words)


_AT_LEAST_ONE = {
    "rate_limit_per_minute": "A key needs at least 1 request a minute.",
    "tokens_per_minute": "A key needs at least 1 token a minute.",
}
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")


def _models(names: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if len(found) > 100 or not all(_MODEL_NAME.fullmatch(name) for name in found):
        raise InvalidRequest.field(
            "allowed_models", "Name at most 100 models by their ids, such as gpt-4o-mini."
        )
    return found


def _networks(texts: Sequence[str]) -> list[str]:
    if len(texts) > 50:
        raise InvalidRequest.field("allowed_networks", "At most 50 addresses or ranges.")
    try:
        # A zone ("%eth0") means something on one machine only, and Python takes any text as one.
        return [
            str(ipaddress.ip_network(text.strip().replace("%", " "), strict=False))
            for text in texts
        ]
    except ValueError:
        raise InvalidRequest.field(
            "allowed_networks", "Each line must be an address or a range such as 203.0.113.0/24."
        ) from None
