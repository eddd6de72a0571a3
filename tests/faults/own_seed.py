"""Inside the platform (`manage.py shell`): seats and own accounts for a workspace that is there."""

from apps.accounts.models import Workspace
from tests.factories.byoa import own_account, seats

FAMILIES = ("midjourney", "flux")


def seed(*, workspace: str, url: str) -> None:
    """Two accounts of each family at the server, one of which calls back; the workspace's tasks run on them."""
    found = Workspace.objects.get(name=workspace)
    Workspace.objects.filter(pk=found.pk).update(private_families=list(FAMILIES))
    for family in FAMILIES:
        seats(found, family, 2)
        for weight, config in (("low", {}), ("high", {"callbacks": True})):
            own_account(
                found,
                family,
                label=f"{family} {weight}",
                base_url=url,
                weight=weight,
                slots=10,
                config=config,
            )
