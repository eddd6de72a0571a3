"""Whom a workspace's invoices are made out to. Past invoices keep what they were issued with."""

from dataclasses import asdict, dataclass

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import audit
from apps.billing import tax_ids
from apps.billing.documents.words import countries
from apps.billing.models import BillingProfile
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence


@dataclass(frozen=True)
class Details:
    """As the customer writes them; empty is allowed everywhere. `country` is two letters."""

    company: str = ""
    address: str = ""
    country: str = ""
    tax_id: str = ""
    email: str = ""


@transaction.atomic
def save(*, workspace_id: int, details: Details, actor: User, ip: str | None = None) -> None:
    """Keep them for the invoices to come. Raises InvalidRequest, naming the field, for what cannot be right."""
    values = asdict(details) | {"tax_id": _tax_id(details)}
    if details.country and details.country not in countries():
        raise InvalidRequest.field("country", sentence("Choose a country of the list."))
    BillingProfile.objects.across_workspaces().update_or_create(
        workspace_id=workspace_id, defaults=values
    )
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="billing.details_changed",
        target=details.company or "billing details",
        ip=ip,
        detail=values,
    )


def _tax_id(details: Details) -> str:
    text = " ".join(details.tax_id.split())
    if text and not tax_ids.is_plausible(text, country=details.country):
        raise InvalidRequest.field("tax_id", sentence("This is no tax number of that country."))
    return text
