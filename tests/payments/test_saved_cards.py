"""The saved card: how it comes, what replaces it, what removes it."""

import uuid

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import AutoTopUp, PaymentCustomer
from apps.billing.services import saved_cards, topups
from apps.core.errors import NotFound
from apps.notifications.models import Email
from tests.factories import WorkspaceFactory, owner_of
from tests.payments.automatic import save_card, switch_on
from tests.payments.cards import shuffled, start, states, tell
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db
MASTERCARD = "5555555555554444"


def card(workspace: Workspace) -> tuple[str, str, int | None]:
    row = PaymentCustomer.objects.of(workspace.pk).get()
    return (row.card_brand, row.card_last4, row.card_exp_year)


def is_on(workspace: Workspace) -> bool:
    return AutoTopUp.objects.of(workspace.pk).get().is_on


def test_card_of_a_topup_is_saved_with_the_tick_only(
    workspace: Workspace, cards: StripeServer
) -> None:
    plain = start(workspace)
    cards.pay(plain.ref, card=MASTERCARD)
    topups.confirm(top_up=plain)
    before = card(workspace)

    ticked = start(workspace, saves_card=True)
    cards.pay(ticked.ref)
    topups.confirm(top_up=ticked)

    assert (before, card(workspace)) == (("", "", None), ("visa", "4242", 2034))
    row = PaymentCustomer.objects.of(workspace.pk).get()
    assert cards.get(row.card_ref)["customer"] == row.ref


def test_card_is_replaced_on_a_page_of_its_own(workspace: Workspace, cards: StripeServer) -> None:
    save_card(workspace, cards)
    save_card(workspace, cards, MASTERCARD)

    assert card(workspace) == ("mastercard", "4444", 2034)


def test_card_that_asks_is_saved_once_its_owner_answered(
    workspace: Workspace, cards: StripeServer
) -> None:
    save_card(workspace, cards, "4000002500003155")

    assert card(workspace)[1] == "3155"


def test_late_and_shuffled_events_keep_the_newest_card(
    workspace: Workspace, cards: StripeServer
) -> None:
    first = save_card(workspace, cards)
    with cards.changing():
        old = cards.world.must("payment_method", first.card_ref)
        cards.world.save(old, created=old["created"] - 3600)
    save_card(workspace, cards, MASTERCARD)

    for seed in range(4):
        tell(shuffled(cards.events(), seed))

    assert card(workspace)[1] == "4444"
    assert states()["setup_intent.succeeded"] == "done"


def test_event_saves_the_card_when_nobody_came_back(
    workspace: Workspace, cards: StripeServer
) -> None:
    row = save_card(workspace, cards)
    PaymentCustomer.objects.of(workspace.pk).update(card_ref="", card_last4="")

    tell(cards.events("checkout.session.completed"))

    assert PaymentCustomer.objects.of(workspace.pk).get().card_ref == row.card_ref


def test_page_of_a_neighbour_does_not_exist(workspace: Workspace, cards: StripeServer) -> None:
    other = WorkspaceFactory.create()
    url = saved_cards.start(
        workspace_id=other.pk,
        client_key=uuid.uuid4().hex,
        done_url="http://testserver/done",
        left_url="http://testserver/left",
    )
    page = url.rpartition("/")[2]
    cards.pay(page)

    with pytest.raises(NotFound):
        saved_cards.landed(workspace_id=workspace.pk, page_ref=page)

    assert not PaymentCustomer.objects.of(workspace.pk).exists()


@pytest.mark.parametrize("ref", ["", "cs_test_none", "pi_x", "cs_/../customers", "cs_\u00e4"])
def test_page_that_is_none_does_not_exist(
    workspace: Workspace, cards: StripeServer, ref: str
) -> None:
    with pytest.raises(NotFound):
        saved_cards.landed(workspace_id=workspace.pk, page_ref=ref)


def test_removed_card_is_gone_at_stripe_and_ends_automatic_topups(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    row = PaymentCustomer.objects.of(workspace.pk).get()

    for _ in range(2):
        saved_cards.remove(workspace_id=workspace.pk, actor=owner_of(workspace))
    tell(cards.events())

    assert (card(workspace), is_on(workspace)) == (("", "", None), False)
    assert cards.get(row.card_ref)["customer"] is None
    audit = AuditEvent.objects.of(workspace.pk).filter(action="card.removed").get()
    assert audit.target == "visa 4242"
    assert not Email.objects.across_workspaces().exists()


def test_silent_stripe_removes_nothing(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_methods", "500", times=3, after=False)

    with pytest.raises(topups.CardsUnavailable, match="Nothing changed"):
        saved_cards.remove(workspace_id=workspace.pk, actor=None)

    assert (card(workspace)[1], is_on(workspace)) == ("4242", True)


def test_card_removed_at_stripe_is_removed_here_and_said(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    row = PaymentCustomer.objects.of(workspace.pk).get()
    cards.client().v1.payment_methods.detach(row.card_ref)

    tell(cards.events())
    tell(cards.events())

    assert (card(workspace), is_on(workspace)) == (("", "", None), False)
    assert Email.objects.across_workspaces().get().kind == "auto_topup_stopped"


def test_card_of_a_neighbour_stays(workspace: Workspace, cards: StripeServer) -> None:
    other = WorkspaceFactory.create()
    switch_on(other, cards)
    save_card(workspace, cards)

    saved_cards.remove(workspace_id=workspace.pk, actor=None)
    tell(cards.events())

    assert (card(other)[1], is_on(other)) == ("4242", True)


def test_renewed_card_shows_its_new_expiry(workspace: Workspace, cards: StripeServer) -> None:
    row = save_card(workspace, cards)
    with cards.changing():
        method = cards.world.must("payment_method", row.card_ref)
        cards.world.save(method, card=method["card"] | {"exp_year": 2040})
        cards.world.emit("payment_method.automatically_updated", method)

    tell(cards.events())

    assert card(workspace) == ("visa", "4242", 2040)
