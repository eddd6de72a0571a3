"""Starting a subscription on Stripe's payment page."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from apps.accounts import plans
from apps.accounts.models import Plan, PlanVersion, Workspace
from apps.billing.gateways import stripe, stripe_subscriptions
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.services import customers
from apps.billing.services.inbox.registry import NotOurs, Unmatched
from apps.billing.services.subscriptions import events, prices
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.core.sentences import sentence

_NO_ANSWER = sentence(
    "The payment provider does not answer now. Try again in a moment; nothing is charged twice."
)
_CLIENT_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


class PlansUnavailable(DomainError):
    """Nothing was charged or changed as far as we know; asking again with the same form is safe."""

    type = "unavailable"


class PaymentFailed(DomainError):
    """The bank said no; nothing was changed."""

    type = "payment_failed"


@dataclass(frozen=True)
class Return:
    """Where the customer comes back to. `done` holds Stripe's placeholder {CHECKOUT_SESSION_ID}."""

    done: str
    left: str


def start(*, workspace: Workspace, plan: str, client_key: str, back: Return) -> str:
    """The URL of a page on which the workspace subscribes to a plan. Two clicks on one form are one page.

    Raises InvalidRequest (it has a subscription already, the plan is free) or PlansUnavailable.
    """
    version = plan_for_sale(plan)
    with explained():
        return _page(workspace, [(prices.plan_price(version), 1)], client_key, back)


def start_seats(
    *, workspace: Workspace, parts: dict[prices.SeatPart, int], client_key: str, back: Return
) -> str:
    """The same for seats without a plan."""
    with explained():
        wanted = [(prices.seat_part_price(part), quantity) for part, quantity in parts.items()]
        return _page(workspace, wanted, client_key, back)


def plan_for_sale(plan: str) -> PlanVersion:
    """The plan's newest version. Raises InvalidRequest for what is not sold."""
    if plan not in Plan.values or plans.newest_terms(plan=plan).price_points == 0:
        raise InvalidRequest.field("plan", sentence("Choose one of the paid plans."))
    return plans.current(plan=plan)


def check_client_key(client_key: str) -> None:
    """Raises InvalidRequest for what none of our forms holds."""
    if not _CLIENT_KEY.fullmatch(client_key):
        raise InvalidRequest.field("client_key", sentence("Reload the page and try again."))


def _page(
    workspace: Workspace, wanted: Sequence[tuple[str, int]], client_key: str, back: Return
) -> str:
    check_client_key(client_key)
    if subscription_of(workspace_id=workspace.pk) is not None:
        raise InvalidRequest(
            sentence("This workspace has a subscription. Reload the page to change it.")
        )
    customer = customers.ref(workspace_id=workspace.pk)
    facts = f"{customer} {client_key} {sorted(wanted)} {back}"
    name = hashlib.sha256(facts.encode()).hexdigest()[:40]
    page = stripe_subscriptions.make_page(
        stripe_subscriptions.SubscribePage(
            customer=customer,
            reference=str(workspace.pk),
            prices=wanted,
            success_url=back.done,
            cancel_url=back.left,
            with_tax=settings.STRIPE_TAX,
        ),
        idempotency_key=f"subscribe:{name}",
    )
    _close_others(customer, page.ref)
    return page.url


def _close_others(customer: str, ref: str) -> None:
    """One page at a time can be paid. If two are all the same, `events.look` sends the second one's money back."""
    for other in stripe_subscriptions.open_pages(customer=customer):
        if other.ref != ref:
            # Refused: it is being paid just now.
            with contextlib.suppress(stripe.Refused):
                stripe.expire_checkout(other.ref)


def landed(*, workspace: Workspace, session_ref: str) -> bool:
    """Bring the subscription in line when its customer comes back. Says whether it is paid.

    Raises NotFound for a page of somebody else's, PlansUnavailable when Stripe does not answer.
    """
    if not re.fullmatch(r"cs_[A-Za-z0-9_]{4,190}", session_ref):
        raise NotFound("There is no such payment page.")
    try:
        session = stripe.session(session_ref)
        if session.mode != "subscription" or session.reference != str(workspace.pk):
            raise NotFound("There is no such payment page.")
        if not session.subscription:
            return False
        events.look_with_invoice(ref=session.subscription)
    except stripe.Refused:
        raise NotFound("There is no such payment page.") from None
    except (stripe.StripeError, Unmatched, NotOurs):
        raise PlansUnavailable(
            sentence("Your payment is being checked; this takes a moment.")
        ) from None
    return session.is_paid


@contextmanager
def explained() -> Iterator[None]:
    """Turns what Stripe says into refusals a person understands."""
    try:
        yield
    except stripe.Declined as error:
        words = sentence("{reason} Nothing was charged and nothing changed.", reason=error.message)
        raise PaymentFailed(words, detail={"code": error.code}) from None
    except stripe.NotConfigured:
        raise PlansUnavailable(sentence("Cards are not taken here.")) from None
    except stripe.Unavailable:
        raise PlansUnavailable(_NO_ANSWER) from None
    except (stripe.Refused, Unmatched) as error:
        words = sentence("The payment provider refused this: {reason}", reason=str(error))
        raise PlansUnavailable(words) from None
    except NotOurs:
        raise InvalidRequest(sentence("This workspace has no subscription.")) from None
