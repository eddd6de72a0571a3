"""Billing details and who sells."""

from typing import Any

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import BillingProfile, Invoice, LegalEntity
from apps.billing.selectors import invoices
from apps.billing.services import payments, sellers
from apps.billing.services.billing_profiles import Details, save
from apps.billing.services.invoices import default_entity, entity_of_tests
from apps.billing.tax_ids import is_plausible
from apps.core.errors import InvalidRequest, NotFound
from tests.factories import owner_of
from tests.factories.billing import USD, payment

ACME = Details("Acme", "Street 1\nTown", "DE", "DE 136 695 976", "books@acme.example")


@pytest.mark.parametrize(
    ("country", "text", "fits"),
    [
        ("DE", "DE136695976", True),
        ("DE", "DE 136 695 976", True),
        ("DE", "DE136695978", False),
        ("AT", "ATU13585627", True),
        ("AT", "DE136695976", False),
        ("GB", "GB980780684", True),
        ("CH", "CHE-107.787.577 MWST", True),
        ("GR", "EL094259216", True),
        ("IS", "IS 00621", True),
        ("US", "07-1234567", False),
        ("US", "91-1144442", True),
        ("AQ", "12-3456789", True),
        ("", "whatever 1", True),
        ("", "no digits", False),
        ("", "1", False),
        ("AQ", "=1+1()", False),
        ("DE", "1" * 51, False),
    ],
)
def test_tax_number_fits_its_country(country: str, text: str, fits: bool) -> None:
    assert is_plausible(text, country=country) is fits


def test_details_are_kept_changed_and_audited(workspace: Workspace) -> None:
    owner = owner_of(workspace)
    save(workspace_id=workspace.pk, details=ACME, actor=owner, ip="192.0.2.1")
    save(workspace_id=workspace.pk, details=Details("Acme 2"), actor=owner)

    profile = BillingProfile.objects.of(workspace.pk).get()
    assert (profile.company, profile.address, profile.country, profile.tax_id, profile.email) == (
        "Acme 2", "", "", "", "",
    )  # fmt: skip
    events = AuditEvent.objects.of(workspace.pk).filter(action="billing.details_changed")
    assert [(event.actor, event.target, event.ip) for event in events.order_by("id")] == [
        (owner, "Acme", "192.0.2.1"),
        (owner, "Acme 2", None),
    ]


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"country": "XX"}, "country"), ({"tax_id": "DE136695978"}, "tax_id")],
)
def test_details_that_cannot_be_right_are_refused(
    workspace: Workspace, changed: dict[str, str], field: str
) -> None:
    details = Details(**{"country": "DE", **changed})

    with pytest.raises(InvalidRequest) as refused:
        save(workspace_id=workspace.pk, details=details, actor=owner_of(workspace))

    assert refused.value.detail == {"field": field}
    assert not BillingProfile.objects.of(workspace.pk).exists()


def test_new_seller_numbers_from_one_and_corrections_stay_with_the_old(
    workspace: Workspace,
) -> None:
    first = payment(workspace)
    other = LegalEntity.objects.create(slug="other", name="Other Ltd", number_prefix="OTH-")

    sellers.make_default(entity_id=other.pk)
    payment(workspace)
    told = payments.WentBack(kind="refund", ref="re", amount_points=USD, is_in_effect=True)
    payments.reverse(payment_id=first.pk, went_back=told)

    rows = Invoice.objects.of(workspace.pk).order_by("issued_at")
    assert list(rows.values_list("number", "entity__slug")) == [
        ("INV-000001", "seller"),
        ("OTH-000001", "other"),
        ("INV-000002", "seller"),
    ]
    assert [*invoices.gaps(), *invoices.differences()] == []
    assert LegalEntity.objects.get(is_default=True) == other


def test_seller_of_test_payments_cannot_sell_and_strangers_do_not_exist(db: None) -> None:
    with pytest.raises(InvalidRequest, match="Test payments"):
        sellers.make_default(entity_id=entity_of_tests().pk)
    with pytest.raises(NotFound):
        sellers.make_default(entity_id=0)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"number_prefix": "INV2"}, "number_prefix"),
        ({"number_prefix": "inv-"}, "number_prefix"),
        ({"number_prefix": ""}, "number_prefix"),
        ({"number_prefix": "A/../"}, "number_prefix"),
        ({"country": "ZZ"}, "country"),
    ],
)
def test_seller_that_would_print_wrongly_is_refused(
    db: None, facts: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        sellers.check(entity=LegalEntity(**{"name": "A", "slug": "a", **facts}))

    assert refused.value.detail == {"field": field}


def test_prefix_is_fixed_once_numbers_have_begun(workspace: Workspace) -> None:
    entity = default_entity()
    entity.number_prefix = "X-"
    sellers.check(entity=entity)
    payment(workspace)

    with pytest.raises(InvalidRequest, match="have begun"):
        sellers.check(entity=entity)
