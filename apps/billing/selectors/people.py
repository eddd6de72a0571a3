"""Whom to write to about money."""

from apps.accounts.models import Membership
from apps.billing.models import BillingProfile

_TOLD = (Membership.Role.OWNER, Membership.Role.BILLING)


def recipients(*, workspace_id: int) -> list[str]:
    """The addresses mails about money go to, each once: owners, billing members and the billing profile's own.

    People who were switched off get none.
    """
    people = Membership.objects.filter(
        workspace_id=workspace_id, role__in=_TOLD, user__is_active=True
    ).order_by("id")
    addresses = list(people.values_list("user__email", flat=True))
    profile = BillingProfile.objects.of(workspace_id).first()
    if profile is not None and profile.email:
        addresses.append(profile.email)
    # One person may be there twice in other letter case; the first spelling stays.
    return list({address.lower(): address for address in reversed(addresses)}.values())[::-1]
