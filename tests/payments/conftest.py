import pytest
from pytest_django import Settings

from tests.payments.stripe_server import StripeServer


@pytest.fixture
def cards(stripe_server: StripeServer, settings: Settings) -> StripeServer:
    """The local Stripe, and a platform that takes cards there."""
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_WEBHOOK_SECRET = stripe_server.webhook_secret
    settings.STRIPE_API_BASE = stripe_server.url
    settings.TEST_PAYMENTS = True
    return stripe_server
