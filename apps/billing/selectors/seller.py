"""Who runs this installation and sells."""

from django.conf import settings

from apps.billing.models import LegalEntity


def seller() -> LegalEntity:
    """As the operator's console says it, or the settings where it says nothing yet; then it is no row."""
    entity = LegalEntity.objects.filter(is_default=True).first()
    return entity or LegalEntity(
        name=settings.SELLER_NAME,
        address=settings.SELLER_ADDRESS,
        country=settings.SELLER_COUNTRY,
        tax_id=settings.SELLER_TAX_ID,
        email=settings.SELLER_EMAIL,
    )
