"""Which language mails are written in."""

from collections.abc import Sequence

from django.db.models.functions import Lower

from apps.accounts.models import Language, Membership, User


def languages(*, addresses: Sequence[str], workspace_id: int | None) -> dict[str, str]:
    """Each address with the language of its person.

    One that is nobody's here, such as that of a company's accounting, gets the language of the workspace's owner,
    and English without a workspace.
    """
    people = User.objects.annotate(lowered=Lower("email"))
    known = dict(
        people.filter(lowered__in=[one.lower() for one in addresses]).values_list(
            "lowered", "language"
        )
    )
    found = {one: known.get(one.lower(), "") for one in addresses}
    if all(found.values()):
        return found
    of_others = _language_of_owner(workspace_id) if workspace_id else Language.ENGLISH.value
    return {one: language or of_others for one, language in found.items()}


def _language_of_owner(workspace_id: int) -> str:
    owners = Membership.objects.filter(workspace_id=workspace_id, role=Membership.Role.OWNER)
    found: str | None = owners.order_by("id").values_list("user__language", flat=True).first()
    return found or Language.ENGLISH.value
