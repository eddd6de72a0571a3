"""The Plans page: what it says in every state, and that its buttons do what they say."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Workspace
from apps.billing.models import Subscription
from apps.billing.services.subscriptions import change
from tests.factories import WorkspaceFactory, member, owner_of
from tests.payments.cards import tell
from tests.payments.conftest import cards
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import asked, customer, free, live, page, plan_of, subscribed

__all__ = ["cards"]

pytestmark = pytest.mark.django_db


def url(workspace: Workspace, name: str = "billing_plans", *args: str) -> str:
    return reverse(f"dashboard:{name}", args=[workspace.slug, *args])


def words(client: Client, workspace: Workspace) -> str:
    """The page's text, spaces made one."""
    response = client.get(url(workspace))
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def sign_in(client: Client, workspace: Workspace) -> None:
    client.force_login(owner_of(workspace))


def key(client: Client, path: str) -> str:
    found = re.search(r'name="client_key" value="([^"]+)"', client.get(path).content.decode())
    assert found is not None
    return found.group(1)


def test_free_workspace_sees_three_plans_and_can_subscribe(client: Client, cards: StripeServer):
    workspace = free()
    sign_in(client, workspace)

    text = words(client, workspace)

    assert "Hobbyist Your plan $0.00 a month" in text
    assert "Developer $15.00 a month" in text
    assert "Premium $60.00 a month $10.00 of credits come with every month" in text
    assert "Subscribe to Developer" in text
    assert "Subscribe to Premium" in text
    assert "Cancel the plan" not in text


def test_installation_without_cards_says_so(client: Client, settings):
    settings.STRIPE_SECRET_KEY = ""
    workspace = free()
    sign_in(client, workspace)

    text = words(client, workspace)

    assert "does not take cards" in text
    assert "Subscribe to" not in text


def test_plan_given_by_hand_says_so(client: Client, cards: StripeServer):
    workspace = WorkspaceFactory.create(plan="premium")
    sign_in(client, workspace)

    text = words(client, workspace)

    assert "Given by the operator" in text
    assert "Subscribe to Developer" in text


def test_subscribing_goes_to_the_payment_page_and_back(client: Client, cards: StripeServer):
    workspace = free()
    sign_in(client, workspace)
    path = url(workspace, "billing_plans_change", "premium")

    response = client.post(path, {"client_key": key(client, path)})
    assert response.status_code == 303
    with cards.changing():
        session = cards.world.store.every("checkout.session")[-1]
    assert response["Location"] == session["url"]
    cards.pay(session["id"])
    back = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    landed = client.get(back.removeprefix("http://testserver"), follow=True)

    assert "Payment received" in landed.content.decode()
    assert plan_of(workspace) == ("premium", 1)


def test_upgrade_shows_the_sum_and_takes_it(client: Client, cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)
    sign_in(client, workspace)
    path = url(workspace, "billing_plans_change", "premium")

    shown = client.get(path).content.decode()
    assert "$45.00" in shown
    done = client.post(path, {"client_key": key(client, path)}, follow=True)

    assert "on Premium now" in done.content.decode()
    assert plan_of(workspace) == ("premium", 1)


def test_declined_upgrade_says_why_and_changes_nothing(client: Client, cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)
    sign_in(client, workspace)
    path = url(workspace, "billing_plans_change", "premium")
    form = {"client_key": key(client, path)}
    cards.next_charge(customer(workspace), "insufficient_funds")

    response = client.post(path, form)

    assert response.status_code == 422
    assert "insufficient funds" in response.content.decode()
    assert plan_of(workspace) == ("developer", 1)


def test_downgrade_says_what_is_lost_and_can_be_taken_back(client: Client, cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards, "premium")
    sign_in(client, workspace)
    path = url(workspace, "billing_plans_change", "developer")

    shown = client.get(path).content.decode()
    assert "10 tasks of a family at once instead of 30" in shown
    client.post(path, {"client_key": key(client, path)})
    assert "Changes to Developer on" in words(client, workspace)
    assert "Comes next" in words(client, workspace)

    client.post(url(workspace, "billing_plans_resume"), {"client_key": key(client, url(workspace))})

    assert "Renews on" in words(client, workspace)
    assert live(workspace).next_version_id is None


def test_cancelling_ends_with_the_period(client: Client, cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)
    sign_in(client, workspace)
    path = url(workspace, "billing_plans_change", "hobbyist")

    assert "Cancel at the end of the period" in client.get(path).content.decode()
    client.post(path, {"client_key": key(client, path)})

    assert "Ends on" in words(client, workspace)
    assert "Keep Developer" in words(client, workspace)


def test_unpaid_renewal_offers_to_pay_and_to_end(client: Client, cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)
    cards.next_charge(customer(workspace))
    cards.renew(row.ref)
    cards.advance(days=0.1)
    tell(cards.events())
    sign_in(client, workspace)

    text = words(client, workspace)
    assert "The renewal was not paid" in text
    assert live(workspace).pay_url in client.get(url(workspace)).content.decode()
    client.post(url(workspace, "billing_plans_end"), {"client_key": key(client, url(workspace))})

    assert plan_of(workspace) == ("hobbyist", None)


def test_stripe_that_does_not_answer_is_said_and_nothing_changes(
    client: Client, cards: StripeServer, settings
):
    workspace = free()
    subscribed(workspace, cards)
    sign_in(client, workspace)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    path = url(workspace, "billing_plans_change", "premium")

    shown = client.get(path)
    response = client.post(path, {"client_key": "a-key-of-this-form"})

    assert (shown.status_code, response.status_code) == (200, 422)
    assert "does not answer" in response.content.decode()
    assert plan_of(workspace) == ("developer", 1)


def test_form_without_its_key_is_refused(client: Client, cards: StripeServer):
    workspace = free()
    sign_in(client, workspace)

    for sent in ("", "x", "é" * 40, "x" * 500):
        path = url(workspace, "billing_plans_change", "premium")
        assert client.post(path, {"client_key": sent}).status_code == 422

    assert Subscription.objects.of(workspace.pk).count() == 0


def test_unknown_plan_and_foreign_landing_are_not_found(client: Client, cards: StripeServer):
    workspace = free()
    sign_in(client, workspace)
    session = page(free(), cards)

    assert client.get(url(workspace, "billing_plans_change", "gold")).status_code == 404
    assert (
        client.get(f"{url(workspace, 'billing_plans_done')}?session={session}").status_code == 404
    )
    assert client.get(url(workspace, "billing_plans_done")).status_code == 404


def test_neighbours_subscription_is_not_shown(client: Client, cards: StripeServer):
    workspace, neighbour = free(), free()
    subscribed(neighbour, cards, "premium")
    change.cancel(asked=asked(neighbour))
    sign_in(client, workspace)

    text = words(client, workspace)

    assert "Hobbyist Your plan" in text
    assert "Ends on" not in text


def test_who_may_only_look_gets_no_buttons(client: Client, cards: StripeServer):
    """Nobody has VIEW_BILLING without MANAGE_BILLING today, so a developer does not see the page at all."""
    workspace = free()
    client.force_login(member(workspace, "developer"))

    assert client.get(url(workspace)).status_code == 404
    assert client.post(url(workspace, "billing_plans_end")).status_code == 404
    assert client.get(url(workspace, "billing_plans_change", "premium")).status_code == 404
