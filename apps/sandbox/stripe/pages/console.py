"""The console: everything in the account, and buttons for what banks, cards and time do."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apps.sandbox.stripe import later, renewals, sender
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.pages.account import subscribed
from apps.sandbox.stripe.pages.html import (
    Markup,
    back,
    button,
    card_name,
    el,
    form,
    join,
    moment,
    page,
    path_of,
    table,
)
from apps.sandbox.stripe.resources import disputes, refunds, subscriptions
from apps.sandbox.stripe.store import Range
from apps.sandbox.stripe.wording import dollars
from apps.sandbox.stripe.world import World

_SHOWN = 25
_DAY = 86400
Action = Callable[[World, Thing], object]


def _renew(world: World, subscription: Thing) -> object:
    return renewals.advance(world, renewals.next_renewal(world, subscription))


def _dispute(world: World, intent: Thing) -> object:
    return disputes.open_dispute(world, world.must("charge", intent["latest_charge"]))


def _inquire(world: World, intent: Thing) -> object:
    return disputes.open_dispute(
        world, world.must("charge", intent["latest_charge"]), is_warning=True
    )


def _refund(world: World, intent: Thing) -> object:
    return refunds.create(world, {"payment_intent": intent["id"]})


def _fail_next(world: World, customer: Thing) -> object:
    return world.knobs.next_charge.update({customer["id"]: "generic_decline"})


def _pass_next(world: World, customer: Thing) -> object:
    return world.knobs.next_charge.update({customer["id"]: ""})


def _send_again(world: World, event: Thing) -> object:
    sender.send_again(world, event["id"])
    return event


# The button's word -> the kind of object it is for, and what it does.
_ACTIONS: dict[str, tuple[str, Action]] = {
    "renew": ("subscription", _renew),
    "refund": ("payment_intent", _refund),
    "dispute": ("payment_intent", _dispute),
    "inquire": ("payment_intent", _inquire),
    "escalate": ("dispute", disputes.escalate),
    "win": ("dispute", lambda world, one: disputes.decide(world, one, "won")),
    "lose": ("dispute", lambda world, one: disputes.decide(world, one, "lost")),
    "fail_refund": ("refund", refunds.fail),
    "fail_next": ("customer", _fail_next),
    "pass_next": ("customer", _pass_next),
    "send_again": ("event", _send_again),
}


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._root = path_of(world.public_url)
        self._here = f"{self._root}/console"

    def routes(self) -> list[Route]:
        return [Route("/console", self.show), Route("/console", self.act, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        return self._page()

    async def act(self, request: Request) -> Response:
        fields = await form(request)
        _, problem = self._world.attempt(
            lambda: self._do(fields.get("what", ""), fields.get("object", ""))
        )
        return self._page(str(problem)) if problem else back(self._here)

    def _do(self, what: str, name: str) -> None:
        world = self._world
        if what == "day":
            renewals.advance(world, world.now() + _DAY)
        elif what == "timers":
            later.run_due(world, float("inf"))
        elif what == "hold":
            world.knobs.hold = not world.knobs.hold
            world.something_is_due.set()
        elif what in _ACTIONS:
            kind, action = _ACTIONS[what]
            action(world, world.must(kind, name))

    def _page(self, problem: str = "") -> Response:
        world = self._world
        hold = "Release webhooks" if world.knobs.hold else "Hold webhooks"
        with world.store.transaction():
            return page(
                self._root,
                "Stripe, on this machine",
                el("p", problem, class_="error", role="alert") if problem else None,
                el(
                    "p",
                    f"Clock of subscriptions: {moment(world.now())}. Webhooks go to ",
                    el("code", world.webhook_url or "nowhere"),
                    ".",
                ),
                el(
                    "div",
                    self._button("day", "Move the clock by a day"),
                    self._button("timers", "Let pending refunds and debits end now"),
                    self._button("hold", hold),
                    class_="actions",
                ),
                el("h2", "Customers"),
                self._customers(),
                el("h2", "Payments"),
                self._payments(),
                el("h2", "Refunds"),
                self._refunds(),
                el("h2", "Disputes"),
                self._disputes(),
                el("h2", "Subscriptions"),
                self._subscriptions(),
                el("h2", "Events and their deliveries"),
                self._events(),
                status=400 if problem else 200,
                wide=True,
            )

    def _newest(self, kind: str) -> list[Thing]:
        found, _ = self._world.store.page(
            kind, equal={}, created=Range(), limit=_SHOWN, after="", before=""
        )
        return found

    def _button(self, what: str, text: str, name: str = "") -> Markup:
        return button(self._here, text, quiet=True, what=what, object=name)

    def _customers(self) -> Markup:
        rows: list[list[Any]] = []
        for one in self._newest("customer"):
            said = self._world.knobs.next_charge.get(one["id"])
            state = "" if said is None else "next charge fails" if said else "next charge succeeds"
            buttons = join(
                [
                    self._button("fail_next", "Next charge fails", one["id"]),
                    self._button("pass_next", "Next charge succeeds", one["id"]),
                ]
            )
            rows.append([el("code", one["id"]), one.get("email") or "", state, buttons])
        return table(["Customer", "Email", "Set", "Do"], rows, empty="No customers yet.")

    def _payments(self) -> Markup:
        rows: list[list[Any]] = []
        for one in self._newest("payment_intent"):
            charge = self._world.store.get(one["latest_charge"] or "") or {}
            method = self._world.store.get(one["payment_method"] or "")
            buttons = join([])
            if one["status"] == "succeeded":
                buttons = join(
                    [
                        self._button("refund", "Refund", one["id"]),
                        self._button("dispute", "Dispute", one["id"]),
                        self._button("inquire", "Inquiry", one["id"]),
                    ]
                )
            back_ = (
                f", {dollars(charge['amount_refunded'])} refunded"
                if charge.get("amount_refunded")
                else ""
            )
            rows.append(
                [
                    el("code", one["id"]),
                    dollars(one["amount"]),
                    one["status"] + back_,
                    card_name(method),
                    buttons,
                ]
            )
        return table(["Payment", "Amount", "Status", "Card", "Do"], rows, empty="No payments yet.")

    def _refunds(self) -> Markup:
        rows: list[list[Any]] = [
            [
                el("code", one["id"]),
                dollars(one["amount"]),
                one["status"],
                self._button("fail_refund", "Let it fail", one["id"])
                if one["status"] != "failed"
                else "",
            ]
            for one in self._newest("refund")
        ]
        return table(["Refund", "Amount", "Status", "Do"], rows, empty="No refunds yet.")

    def _disputes(self) -> Markup:
        rows: list[list[Any]] = []
        for one in self._newest("dispute"):
            buttons = [
                self._button("win", "Win", one["id"]),
                self._button("lose", "Lose", one["id"]),
            ]
            if one["status"].startswith("warning_"):
                buttons.append(self._button("escalate", "Escalate", one["id"]))
            is_open = one["status"] not in ("won", "lost", "warning_closed")
            rows.append(
                [
                    el("code", one["id"]),
                    dollars(one["amount"]),
                    one["status"],
                    join(buttons) if is_open else "",
                ]
            )
        return table(["Dispute", "Amount", "Status", "Do"], rows, empty="No disputes yet.")

    def _subscriptions(self) -> Markup:
        rows: list[list[Any]] = []
        for one in self._newest("subscription"):
            is_over = one["status"] in subscriptions.ENDED
            until = moment(subscriptions.period_of(self._world, one)[1])
            action = (
                "" if is_over else self._button("renew", "Move the clock to the renewal", one["id"])
            )
            ends = ", cancels then" if one["cancel_at_period_end"] and not is_over else ""
            rows.append(
                [
                    el("code", one["id"]),
                    subscribed(self._world, one),
                    one["status"] + ends,
                    until,
                    action,
                ]
            )
        return table(
            ["Subscription", "What", "Status", "Until", "Do"], rows, empty="No subscriptions yet."
        )

    def _events(self) -> Markup:
        rows: list[list[Any]] = []
        for one in self._newest("event"):
            found = self._world.store.execute(
                "SELECT state, attempts, status FROM deliveries WHERE event = ?", one["id"]
            )
            state, attempts, status = found[0] if found else ("none", 0, None)
            told = f"{state}, {attempts} attempts" + (f", answered {status}" if status else "")
            again = self._button("send_again", "Send again", one["id"])
            rows.append([el("code", one["type"]), moment(one["created"]), told, again])
        return table(["Event", "When", "Delivery", "Do"], rows, empty="No events yet.")
