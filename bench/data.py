"""Workspaces to measure with, made by the services."""

import secrets
from dataclasses import dataclass

from django.core.management import call_command

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.billing.services import onboarding

POINTS = 10**15


@dataclass(frozen=True)
class Tenant:
    workspace_id: int
    slug: str
    key: str
    user: User


def migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def tenants(count: int) -> list[Tenant]:
    """So many workspaces with a key and enough points."""
    run = secrets.token_hex(4)
    owner = User.objects.create_user(f"bench-{run}@example.com")
    return [_tenant(owner, f"Bench {run} {number}") for number in range(count)]


def _tenant(owner: User, name: str) -> Tenant:
    workspace = onboarding.open_workspace(owner=owner, name=name, grant_points=POINTS)
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=10**6)
    _, key = accounts.create_key(
        workspace_id=workspace.pk, terms=accounts.KeyTerms(name="bench"), actor=owner
    )
    return Tenant(workspace.pk, workspace.slug, key, owner)
