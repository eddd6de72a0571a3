"""Objects as Stripe shows them: private fields left out, lists put in, `expand[]` followed."""

import copy
from collections.abc import Callable
from typing import Any

from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.store import Store

_MAX_DEPTH = 4
Part = Callable[[Store, Thing], Any]


def listed(url: str, things: list[Thing], *, has_more: bool = False) -> Thing:
    return {"object": "list", "url": url, "has_more": has_more, "data": things}


def _subscription_items(store: Store, subscription: Thing) -> Thing:
    items = store.every("subscription_item", subscription=subscription["id"])
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return {**listed(url, [render(store, item) for item in items]), "total_count": len(items)}


def _invoice_payments(store: Store, invoice: Thing) -> Thing:
    payments = store.every("invoice_payment", invoice=invoice["id"])
    return listed(
        f"/v1/invoice_payments?invoice={invoice['id']}", [render(store, one) for one in payments]
    )


def _charge_refunds(store: Store, charge: Thing) -> Thing:
    refunds = store.every("refund", charge=charge["id"])[::-1]
    return listed(f"/v1/charges/{charge['id']}/refunds", [render(store, one) for one in refunds])


def _customer_subscriptions(store: Store, customer: Thing) -> Thing:
    found = [
        one
        for one in store.every("subscription", customer=customer["id"])
        if one["status"] != "canceled"
    ]
    return listed("/v1/subscriptions", [render(store, one) for one in found[::-1]])


def _session_lines(_: Store, session: Thing) -> Thing:
    return listed(
        f"/v1/checkout/sessions/{session['id']}/line_items", copy.deepcopy(session["_lines"])
    )


def _confirmation_secret(store: Store, invoice: Thing) -> Thing | None:
    for payment in store.every("invoice_payment", invoice=invoice["id"]):
        intent = store.get(payment["payment"]["payment_intent"])
        if intent is not None:
            return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


# Always there, and there only for who asks.
ALWAYS: dict[str, dict[str, Part]] = {"subscription": {"items": _subscription_items}}
ON_REQUEST: dict[str, dict[str, Part]] = {
    "invoice": {"payments": _invoice_payments, "confirmation_secret": _confirmation_secret},
    "charge": {"refunds": _charge_refunds},
    "customer": {"subscriptions": _customer_subscriptions},
    "checkout.session": {"line_items": _session_lines},
}


def render(store: Store, thing: Thing, expand: list[str] | None = None) -> Thing:
    """A copy to give away. Raises StripeError for a path that leads nowhere."""
    shown: Thing = _public(thing)
    for name, part in ALWAYS.get(str(thing.get("object")), {}).items():
        shown[name] = part(store, thing)
    for path in expand or []:
        steps = path.split(".")
        if len(steps) > _MAX_DEPTH:
            raise invalid(
                f"You cannot expand more than {_MAX_DEPTH} levels of a property: {path}",
                param="expand",
            )
        _expand(store, shown, steps, path)
    return shown


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _public(part) for name, part in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [_public(part) for part in value]
    return value


def _expand(store: Store, shown: Any, steps: list[str], path: str) -> None:
    if isinstance(shown, list):
        for one in shown:
            _expand(store, one, steps, path)
        return
    name, *rest = steps
    if not isinstance(shown, dict):
        raise _not_expandable(path)
    part = ON_REQUEST.get(str(shown.get("object")), {}).get(name)
    if part is not None and name not in shown:
        whole = store.get(shown["id"])
        shown[name] = part(store, whole if whole is not None else shown)
    if name not in shown:
        raise _not_expandable(path)
    shown[name] = _opened(store, shown[name], path)
    if rest and shown[name] is not None:
        _expand(store, shown[name], rest, path)


def _opened(store: Store, value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_opened(store, one, path) for one in value]
    if not isinstance(value, str):
        return value
    thing = store.get(value)
    if thing is None:
        raise _not_expandable(path)
    return render(store, thing)


def _not_expandable(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
