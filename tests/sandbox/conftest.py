"""What the tests of the local Stripe begin with."""

import pytest
import stripe

from tests.payments.stripe_server import StripeServer


@pytest.fixture
def sdk(stripe_server: StripeServer) -> stripe.StripeClient:
    return stripe_server.client()


@pytest.fixture
def customer(sdk: stripe.StripeClient) -> str:
    return sdk.v1.customers.create({"email": "ada@example.com"}).id
