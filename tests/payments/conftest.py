from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.billing.gateways import stripe_wire
from tests.payments.stripe_server import StripeServer


@pytest.fixture
def cards(stripe_server: StripeServer, settings: Settings) -> StripeServer:
    """The local Stripe, and a platform that takes cards there."""
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_WEBHOOK_SECRET = stripe_server.webhook_secret
    settings.STRIPE_API_BASE = stripe_server.url
    settings.TEST_PAYMENTS = True
    return stripe_server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The first lost answer is lost: Stripe's library does not ask again by itself."""
    monkeypatch.setattr(stripe_wire, "_RETRIES", 0)
    # Clients are kept by address, and a later test's server may get the port of an earlier one's.
    stripe_wire._client.cache_clear()
    yield
    stripe_wire._client.cache_clear()
