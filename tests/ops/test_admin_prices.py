from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.catalog.models import PriceOverride

pytestmark = pytest.mark.django_db

FORM: dict[str, Any] = {
    "model": "gpt-5",
    "task_type": "chat",
    "rate": "input",
    "points_per_unit": "12.5",
    "valid_from_0": "2026-01-01",
    "valid_from_1": "00:00:00",
}


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


@pytest.mark.parametrize("rate", ["input", "audio_output", "request", "minimum"])
def test_operator_prices_a_language_model(operator: Client, rate: str):
    url = reverse("admin:catalog_priceoverride_add")

    assert operator.post(url, {**FORM, "rate": rate}).status_code == 302

    assert [str(row) for row in PriceOverride.objects.all()] == [
        f"gpt-5 chat {rate}: 12.500000 points"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": "inptu"},
        {"task_type": "embedding"},
        {"model": "gpt-5-2025-08-07"},  # an alias has its model's price
        {"model": "gpt-4-gizmo-g-gFt1ghYJl"},
        {"model": "modelyard/ocr", "task_type": "ocr"},
    ],
)
def test_price_of_nothing_is_refused(operator: Client, fields: dict[str, str]):
    form = FORM | fields
    response = operator.post(reverse("admin:catalog_priceoverride_add"), form)

    assert response.status_code == 200
    assert (
        f"Nothing costs by it: {form['model']} {form['task_type']} has no rate {form['rate']}."
        in response.content.decode()
    )
    assert not PriceOverride.objects.exists()
