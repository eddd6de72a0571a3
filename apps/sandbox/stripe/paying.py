"""Checkout from the person's side: pay with a card, pass 3-D Secure, and what the session becomes."""

from apps.sandbox.stripe import cards
from apps.sandbox.stripe.cards import BANK_ACCOUNTS
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.resources import (
    attempts,
    checkout,
    collecting,
    customers,
    intents,
    methods,
    setups,
    subscriptions,
)
from apps.sandbox.stripe.resources.lines import Part
from apps.sandbox.stripe.world import World


def pay(world: World, name: str, number: str, *, saves: bool = False) -> Thing:
    """Pay a session with a card's number (or a bank account's). It is complete then, or open and waits for 3-D Secure.

    Raises StripeError: the card's decline (402), or that the session is no longer open.
    """
    session = checkout.current(world, name)
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.")
    source = cards.card(number) or BANK_ACCOUNTS.get(number)
    if source is None:
        raise invalid("Your card number is incorrect.", code="incorrect_number")
    method = methods.new(world, source)
    _know_customer(world, session, saves)
    if session["mode"] == "payment":
        _pay_once(world, session, method, saves)
    elif session["mode"] == "setup":
        _set_up(world, session, method)
    else:
        _subscribe(world, session, method)
    return session


def waits_for(world: World, session: Thing) -> Thing | None:
    """The intent whose 3-D Secure the person has to answer."""
    intent = world.store.get(session["_intent"] or "")
    return intent if intent is not None and intent["status"] == "requires_action" else None


def authenticate(world: World, name: str, *, passes: bool) -> None:
    """Answer the 3-D Secure of a PaymentIntent or SetupIntent."""
    intent = world.store.get(name)
    if intent is not None and intent["object"] == "setup_intent":
        setups.authenticate(world, intent, passes=passes)
        for session in world.store.every("checkout.session", _intent=name, status="open"):
            if intent["status"] == "succeeded":
                _complete(world, session, "no_payment_required")
        return
    attempts.authenticate(world, world.must("payment_intent", name), passes=passes)


def _know_customer(world: World, session: Thing, saves: bool) -> None:
    """Checkout makes a customer where the session has none and something must be kept for later."""
    keeps = saves or session["mode"] == "subscription" or session["customer_creation"] == "always"
    if session["customer"] is None and (
        keeps or session["_payment_intent_data"].get("setup_future_usage")
    ):
        made = customers.create(world, {"email": session["customer_email"] or "buyer@example.com"})
        session["customer"] = made["id"]
    customer = world.store.get(session["customer"] or "") or {}
    session["customer_details"] = {
        "address": customer.get("address"),
        "business_name": None,
        "individual_name": None,
        "email": customer.get("email") or session["customer_email"],
        "name": customer.get("name"),
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    world.store.put(session)


def _pay_once(world: World, session: Thing, method: Thing, saves: bool) -> None:
    data = session["_payment_intent_data"]
    intent = world.store.get(session["_intent"] or "")
    if intent is None:
        intent = intents.new(
            world,
            amount=session["amount_total"],
            currency="usd",
            customer=session["customer"],
            description=data.get("description"),
            metadata=data.get("metadata", {}),
            receipt_email=data.get("receipt_email"),
            payment_method_types=session["payment_method_types"],
            setup_future_usage=data.get("setup_future_usage") or ("off_session" if saves else None),
            _return_url=session["success_url"],
        )
        world.save(session, _intent=intent["id"], payment_intent=intent["id"])
    world.save(intent, payment_method=method["id"], status="requires_confirmation")
    attempts.attempt(world, intent)


def _set_up(world: World, session: Thing, method: Thing) -> None:
    data = session["_setup_intent_data"]
    setup = world.store.get(session["_intent"] or "") or setups.new(
        world,
        customer=session["customer"],
        metadata=data.get("metadata", {}),
        description=data.get("description"),
        _return_url=session["success_url"],
    )
    world.save(session, _intent=setup["id"], setup_intent=setup["id"])
    world.save(setup, payment_method=method["id"], status="requires_confirmation")
    setups.run(world, setup)
    if setup["status"] == "succeeded":
        _complete(world, session, "no_payment_required")


def _subscribe(world: World, session: Thing, method: Thing) -> None:
    """A declined first card leaves nothing behind; after 3-D Secure was refused the same subscription is paid."""
    subscription = world.store.get(session["_subscription"] or "")
    is_new = subscription is None
    if subscription is None:
        data = session["_subscription_data"]
        subscriptions.refuse_unplayed(data)
        subscription = subscriptions.start(
            world,
            session["customer"],
            [Part(line["price"], line["quantity"]) for line in session["_lines"]],
            automatic_tax=session["automatic_tax"]["enabled"],
            default_payment_method=None,
            metadata=data.get("metadata", {}),
            description=data.get("description"),
        )
    invoice = world.must("invoice", subscription["latest_invoice"])
    world.save(session, _subscription=subscription["id"], _intent=invoice["_intent"])
    if invoice["status"] == "paid":
        _complete(world, session, "no_payment_required")
        return
    problem = collecting.collect(world, invoice, method=method["id"], retries=False)
    if problem is not None and waits_for(world, session) is None:
        problem.keeps = not is_new
        raise problem


def _complete(world: World, session: Thing, payment_status: str) -> None:
    subscription = world.store.get(session["_subscription"] or "")
    if subscription is not None:
        world.save(session, subscription=subscription["id"], invoice=subscription["latest_invoice"])
    world.save(session, status="complete", payment_status=payment_status, url=None)
    world.emit("checkout.session.completed", session)


def _paid(world: World, intent: Thing) -> None:
    for session in world.store.every("checkout.session", _intent=intent["id"]):
        if session["status"] == "open":
            _complete(world, session, "paid")
        elif session["payment_status"] == "unpaid":
            world.save(session, payment_status="paid")
            world.emit("checkout.session.async_payment_succeeded", session)


def _processing(world: World, intent: Thing) -> None:
    for session in world.store.every("checkout.session", _intent=intent["id"], status="open"):
        _complete(world, session, "unpaid")


def _failed(world: World, intent: Thing) -> None:
    for session in world.store.every("checkout.session", _intent=intent["id"], status="complete"):
        if session["payment_status"] == "unpaid":
            world.emit("checkout.session.async_payment_failed", session)


attempts.ON_SUCCESS.append(_paid)
attempts.ON_PROCESSING.append(_processing)
attempts.ON_FAILURE.append(_failed)
