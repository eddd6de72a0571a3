from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class BillingConfig(AppConfig):
    name = "apps.billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # A key that addresses must not come from stops the start, not the first customer.
        if settings.CRYPTO_XPUB:
            import_module("apps.billing.services.crypto.addresses").check_key()
            import_module("apps.billing.chains").configured()
