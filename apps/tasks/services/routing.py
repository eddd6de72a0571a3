"""Whether somebody can do a task that is about to be created, and where it goes when its own accounts cannot."""

from apps.accounts.models import Workspace
from apps.accounts.selectors import Identity
from apps.byoa import selectors as byoa
from apps.byoa.policies import Prospect
from apps.byoa.services import backups
from apps.catalog.spec import TaskSpec
from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.tasks.services import follow_ups
from apps.tasks.services.request import Prepared, TaskRequest, prepare

_NO_OWN = sentence("None of your own accounts can take it; their pages say why.")


def settled(*, identity: Identity, request: TaskRequest, prepared: Prepared) -> Prepared:
    """The request as it is to be created. Raises NoRoute and NoSeat.

    A private one that no own account can serve becomes a public one where the workspace wants that; it stays and waits
    where an account comes back by itself. Which account or route it takes is decided when it starts.
    """
    spec, origin = prepared.spec, prepared.origin
    if origin is not None:
        follow_ups.require_account(spec=spec, origin=origin, workspace_id=identity.workspace_id)
        return prepared
    if not prepared.is_private:
        byoa.required_route(spec, prepared.asked_mode)
        return prepared
    found = own_prospect(
        workspace_id=identity.workspace_id,
        spec=spec,
        mode=prepared.asked_mode,
        only=prepared.account_id,
    )
    if found == Prospect.NOW:
        return prepared
    if spec.family in identity.failover_families and prepared.account_id is None:
        public = prepare(identity=identity, request=request, leaves_own=True)
        byoa.required_route(spec, public.asked_mode)
        return public
    if found == Prospect.NONE:
        raise byoa.no_route(spec, _NO_OWN)
    return prepared


def own_prospect(
    *, workspace_id: int, spec: TaskSpec, mode: str, only: int | None = None
) -> Prospect:
    """What a private task may hope for, once backups that are needed are in use. Raises NotFound for `only`."""
    if only is not None:
        account = byoa.own_account(workspace_id=workspace_id, account_id=only)
        if account.family != spec.family:
            words = sentence("There is no {family} account {id}.", family=spec.family, id=only)
            raise NotFound(words)
    backups.activate(workspace_id=workspace_id, family=spec.family)
    return byoa.own_prospect(
        workspace_id=workspace_id,
        spec=spec,
        mode=mode,
        only=only,
        skips_flagged=_skips_flagged(workspace_id, spec.family),
    )


def _skips_flagged(workspace_id: int, family: str) -> bool:
    if family != "suno":
        return False
    return Workspace.objects.filter(pk=workspace_id, skips_flagged_suno=True).exists()
