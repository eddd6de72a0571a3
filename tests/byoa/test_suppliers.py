"""Looks at providers, against a real server that speaks the contract."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.jobs import look_at_suppliers
from apps.byoa.models import SupplierSnapshot
from apps.byoa.services import suppliers
from apps.core.errors import NotFound
from apps.providers import registry
from tests.factories.byoa import CREDENTIAL, account, own_account
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def test_look_keeps_what_the_provider_says(upstream: Upstream):
    made = account(base_url=upstream.url, credential="right")
    upstream.knobs(balance=1_000_000_000)

    look = suppliers.look(account_id=made.pk)

    assert look == SupplierSnapshot.objects.get(account=made)
    assert (look.balance_points, look.error) == (1_000_000_000, "")


def test_refused_look_is_kept_with_its_reason_and_no_secret(upstream: Upstream):
    made = account(base_url=upstream.url, credential="bad")

    look = suppliers.look(account_id=made.pk)

    assert look is not None
    assert (look.balance_points, look.used_points) == (None, None)
    assert look.error
    assert CREDENTIAL not in look.error


def test_one_silent_provider_does_not_keep_the_others_from_being_asked(upstream: Upstream):
    account(base_url="http://127.0.0.1:9", label="Nobody")
    made = account(base_url=upstream.url, credential="right")

    look_at_suppliers()

    looks = SupplierSnapshot.objects.order_by("id")
    assert [(one.account_id == made.pk, bool(one.error)) for one in looks] == [
        (False, True),
        (True, False),
    ]


def test_provider_without_figures_gives_none(monkeypatch: pytest.MonkeyPatch):
    class Silent:
        name = "silent"

    made = account()
    monkeypatch.setattr(registry, "adapter", lambda name: Silent())

    assert suppliers.look(account_id=made.pk) is None
    assert suppliers.tells(made) is False
    assert SupplierSnapshot.objects.count() == 0


def test_customers_own_accounts_are_not_looked_at(workspace: Workspace):
    theirs = own_account(workspace)

    with pytest.raises(NotFound):
        suppliers.look(account_id=theirs.pk)
    assert suppliers.look_at_all() == 0
