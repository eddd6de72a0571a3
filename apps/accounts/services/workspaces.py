"""Making and changing workspaces. Every change of access leaves an audit event in its transaction."""

import re
import secrets

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from apps.accounts import selectors
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.services.auditing import audit
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

MOST_CONTENT_DAYS = 90
# Words that URLs or people could take for something of ours.
_RESERVED_SLUGS = frozenset(
    {"api", "auth", "me", "ops", "docs", "static", "files", "new", "w", "v1", "account"}
)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")


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


@transaction.atomic
def set_llm_content(
    *, workspace_id: int, actor: User | None, ip: str | None, is_on: bool, days: int
) -> Workspace:
    """Whether what is said in LLM calls from now on is kept, and for how many days. Raises InvalidRequest."""
    if not 1 <= days <= MOST_CONTENT_DAYS:
        words = sentence("Choose 1 to {most} days.", most=MOST_CONTENT_DAYS)
        raise InvalidRequest.field("days", words)
    workspace = Workspace.objects.select_for_update().get(pk=workspace_id)
    before = {"is_on": workspace.keeps_llm_content, "days": workspace.llm_content_days}
    after = {"is_on": is_on, "days": days}
    if before == after:
        return workspace
    workspace.keeps_llm_content, workspace.llm_content_days = is_on, days
    workspace.save(update_fields=["keeps_llm_content", "llm_content_days", "updated_at"])
    detail = {"before": before, "after": after}
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="workspace.llm_content",
        target=workspace.slug,
        ip=ip,
        detail=detail,
    )
    transaction.on_commit(selectors.forget_believed_keys)
    return workspace


@transaction.atomic
def rename(
    *, workspace_id: int, name: str, slug: str, actor: User | None, ip: str | None = None
) -> Workspace:
    """Another name, another address, or both. The old address answers 404 at once, and somebody else may take it.

    Raises InvalidRequest for a name or address that cannot be, or is taken. Safe to repeat.
    """
    name, slug = name.strip(), slug.strip().lower()
    if not 1 <= len(name) <= 100:
        raise InvalidRequest.field("name", sentence("Give it a name of 1 to 100 characters."))
    if not _SLUG.fullmatch(slug) or slug in _RESERVED_SLUGS:
        raise InvalidRequest.field(
            "slug", sentence("Use 1 to 50 small letters, digits and dashes, and no word of ours.")
        )
    workspace = Workspace.objects.select_for_update().get(pk=workspace_id)
    before = {"name": workspace.name, "slug": workspace.slug}
    after = {"name": name, "slug": slug}
    if before == after:
        return workspace
    workspace.name, workspace.slug = name, slug
    try:
        with transaction.atomic():
            workspace.save(update_fields=["name", "slug", "updated_at"])
    except IntegrityError:
        raise InvalidRequest.field(
            "slug", sentence("Another workspace has this address.")
        ) from None
    detail = {"before": before, "after": after}
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="workspace.renamed",
        target=slug,
        ip=ip,
        detail=detail,
    )
    transaction.on_commit(selectors.forget_believed_keys)
    return workspace
