from typing import Any

import factory
from factory.django import DjangoModelFactory

from apps.accounts import selectors, services
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.selectors import Identity
from apps.billing.services import onboarding


class UserFactory(DjangoModelFactory[User]):
    """A person with the password "correct horse"."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    password = factory.PostGenerationMethodCall("set_password", "correct horse")

    @classmethod
    def _after_postgeneration(cls, instance: User, create: bool, results: Any = None) -> None:
        instance.save()


class WorkspaceFactory(DjangoModelFactory[Workspace]):
    """A workspace as sign-up makes it: an owner, a wallet, and `points` that came in through the ledger."""

    class Meta:
        model = Workspace
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Workspace {n}")
    plan = "developer"
    owner: Any = factory.SubFactory(UserFactory)
    points: Any = 10_000_000

    @classmethod
    def _create(cls, model_class: type[Workspace], *args: Any, **fields: Any) -> Workspace:
        workspace = onboarding.open_workspace(
            owner=fields["owner"], name=fields["name"], grant_points=fields["points"]
        )
        Workspace.objects.filter(pk=workspace.pk).update(plan=fields["plan"])
        workspace.refresh_from_db()
        return workspace


def member(workspace: Workspace, role: str = "developer") -> User:
    """A new person with that role in the workspace."""
    user = UserFactory.create()
    Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


def owner_of(workspace: Workspace) -> User:
    return User.objects.get(memberships__workspace=workspace, memberships__role="owner")


def api_key(workspace: Workspace, **terms: Any) -> str:
    """The secret of a new key of the workspace."""
    _, secret = services.create_key(
        workspace_id=workspace.pk, terms=services.KeyTerms(**{"name": "test", **terms}), actor=None
    )
    return secret


def identity(workspace: Workspace, **terms: Any) -> Identity:
    """The identity of a new key of the workspace."""
    selectors.forget_believed_keys()
    return selectors.identify(key=api_key(workspace, **terms))
