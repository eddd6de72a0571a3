"""Who sells: which of the legal entities new invoices are issued by, and how their numbers begin."""

import re

from django.db import transaction

from apps.billing.documents.words import countries
from apps.billing.models import Invoice, LegalEntity
from apps.billing.services.invoices import TEST_SLUG
from apps.core.errors import InvalidRequest, NotFound

# Ends in something that is no digit, so that no two prefixes can ever make the same number.
_PREFIX = re.compile(r"[A-Z0-9][A-Z0-9/-]*[/-]|[A-Z]+")


def check(*, entity: LegalEntity) -> None:
    """Raises InvalidRequest, naming the field, for what would print or number wrongly. Call before saving it."""
    if entity.country and entity.country not in countries():
        raise InvalidRequest.field("country", "Two letters such as DE.")
    if not _PREFIX.fullmatch(entity.number_prefix):
        raise InvalidRequest.field(
            "number_prefix", "Capital letters, digits, dashes and slashes, and no digit at the end."
        )
    if has_issued(entity=entity):
        stored = LegalEntity.objects.get(pk=entity.pk)
        if stored.number_prefix != entity.number_prefix:
            raise InvalidRequest.field("number_prefix", "Its numbers have begun; they stay so.")


def has_issued(*, entity: LegalEntity) -> bool:
    rows = Invoice.objects.across_workspaces()
    return entity.pk is not None and rows.filter(entity_id=entity.pk).exists()


@transaction.atomic
def make_default(*, entity_id: int) -> LegalEntity:
    """From now on invoices are issued by this entity; corrections stay with the seller of their invoice.

    Raises NotFound, and InvalidRequest for the seller of test payments.
    """
    entity = LegalEntity.objects.select_for_update().filter(pk=entity_id).first()
    if entity is None:
        raise NotFound("There is no such seller.")
    if entity.slug == TEST_SLUG:
        raise InvalidRequest("Test payments have numbers of their own; sell in another name.")
    LegalEntity.objects.filter(is_default=True).exclude(pk=entity_id).update(is_default=False)
    LegalEntity.objects.filter(pk=entity_id).update(is_default=True)
    entity.refresh_from_db()
    return entity
