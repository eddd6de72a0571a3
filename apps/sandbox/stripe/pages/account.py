"""The billing portal, hosted invoices and receipts."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apps.sandbox.stripe import cards
from apps.sandbox.stripe.errors import StripeError, Thing
from apps.sandbox.stripe.pages.html import (
    Markup,
    back,
    button,
    card_name,
    el,
    form,
    moment,
    page,
    path_of,
    table,
)
from apps.sandbox.stripe.resources import (
    changes,
    collecting,
    customers,
    invoices,
    methods,
    setups,
    subscriptions,
)
from apps.sandbox.stripe.wording import dollars
from apps.sandbox.stripe.world import World

_KEPT = 50


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._root = path_of(world.public_url)

    def routes(self) -> list[Route]:
        return [
            Route("/portal/{name}", self.portal),
            Route("/portal/{name}", self.change, methods=["POST"]),
            Route("/invoices/{name}", self.invoice),
            Route("/invoices/{name}", self.pay, methods=["POST"]),
            Route("/receipts/{name}", self.receipt),
        ]

    # ---- the portal

    async def portal(self, request: Request) -> Response:
        return self._portal(request.path_params["name"])

    async def change(self, request: Request) -> Response:
        name = request.path_params["name"]
        fields = await form(request)
        session = self._world.store.get(name, "billing_portal.session")
        if session is None:
            return page(self._root, "There is no such page", status=404)
        waits, problem = self._world.attempt(lambda: self._do(session, fields))
        if problem is not None:
            return self._portal(name, str(problem))
        return back(f"{self._root}/3ds/{waits['id']}" if waits else f"{self._root}/portal/{name}")

    def _do(self, session: Thing, fields: dict[str, str]) -> Thing | None:
        """One button; what waits for 3-D Secure."""
        what, name, customer = fields.get("what"), fields.get("object", ""), session["customer"]
        if what == "add":
            return self._add_card(session, fields.get("number", ""))
        thing = self._world.store.get(name)
        if thing is None or thing.get("customer") != customer:
            return None
        if what == "default":
            given = {"invoice_settings": {"default_payment_method": name}}
            customers.update(self._world, given, name=customer)
            for one in self._world.store.every("subscription", customer=customer):
                if one["status"] not in subscriptions.ENDED:
                    self._world.save(one, default_payment_method=name)
        elif what == "remove":
            methods.detach(self._world, {}, name=name)
        elif what in ("cancel", "resume"):
            changes.update(self._world, {"cancel_at_period_end": what == "cancel"}, name=name)
        return None

    def _add_card(self, session: Thing, number: str) -> Thing | None:
        card = cards.card(number)
        if card is None:
            raise StripeError(400, message="Your card number is incorrect.")
        setup = setups.new(
            self._world,
            customer=session["customer"],
            _return_url=f"{self._world.public_url}/portal/{session['id']}",
        )
        method = methods.new(self._world, card)
        self._world.save(setup, payment_method=method["id"], status="requires_confirmation")
        setups.run(self._world, setup)
        return setup if setup["status"] == "requires_action" else None

    def _portal(self, name: str, problem: str = "") -> Response:
        session = self._world.store.get(name, "billing_portal.session")
        if session is None:
            return page(self._root, "There is no such page", status=404)
        customer = session["customer"]
        home = session["return_url"]
        return page(
            self._root,
            "Cards, subscriptions and invoices",
            el("p", problem, class_="error", role="alert") if problem else None,
            el("p", el("a", "Back", href=home)) if home else None,
            el("h2", "Cards"),
            self._cards(name, customer),
            el("h2", "Subscriptions"),
            self._subscriptions(name, customer),
            el("h2", "Invoices"),
            self._invoices(customer),
            status=402 if problem else 200,
        )

    def _cards(self, name: str, customer: str) -> Markup:
        here = f"{self._root}/portal/{name}"
        default = self._world.must("customer", customer)["invoice_settings"][
            "default_payment_method"
        ]
        rows = []
        for method in self._world.store.every("payment_method", customer=customer):
            is_default = method["id"] == default
            make = (
                None
                if is_default
                else button(here, "Make default", quiet=True, what="default", object=method["id"])
            )
            remove = button(here, "Remove", quiet=True, what="remove", object=method["id"])
            rows.append(
                el(
                    "li",
                    card_name(method),
                    " (default)" if is_default else None,
                    el("span", make, remove),
                )
            )
        add = el(
            "form",
            el("input", type="hidden", name="what", value="add"),
            el("label", "Another card", for_="number"),
            el(
                "input",
                id="number",
                name="number",
                inputmode="numeric",
                autocomplete="off",
                required=True,
                placeholder="4242 4242 4242 4242",
            ),
            el("div", el("button", "Save card"), class_="actions"),
            method="post",
            action=here,
        )
        return el("section", el("ul", *rows, class_="cards") if rows else None, add)

    def _subscriptions(self, name: str, customer: str) -> Markup:
        here = f"{self._root}/portal/{name}"
        rows: list[list[Any]] = []
        for one in self._world.store.every("subscription", customer=customer):
            ends = one["cancel_at_period_end"]
            verb = ("resume", "Keep it") if ends else ("cancel", "Cancel at the end of the period")
            action = None
            if one["status"] not in subscriptions.ENDED:
                action = button(here, verb[1], quiet=True, what=verb[0], object=one["id"])
            until = moment(subscriptions.period_of(self._world, one)[1])
            rows.append([subscribed(self._world, one), one["status"], until, action or ""])
        return table(["What", "Status", "Paid until", "Change"], rows, empty="No subscriptions.")

    def _invoices(self, customer: str) -> Markup:
        rows: list[list[Any]] = [
            [
                el("a", one["number"] or "draft", href=f"{self._root}/invoices/{one['id']}"),
                dollars(one["total"]),
                one["status"],
                moment(one["created"]),
            ]
            for one in self._world.store.every("invoice", customer=customer)[: -_KEPT - 1 : -1]
        ]
        return table(["Number", "Total", "Status", "Date"], rows, empty="No invoices.")

    # ---- invoices

    async def invoice(self, request: Request) -> Response:
        return self._invoice(request.path_params["name"])

    async def pay(self, request: Request) -> Response:
        name = request.path_params["name"]
        fields = await form(request)
        card = cards.card(fields.get("number", ""))
        invoice = self._world.store.get(name, "invoice")
        if invoice is None or card is None:
            return self._invoice(name, "Your card number is incorrect.")
        with self._world.store.transaction():
            invoice = self._world.must("invoice", name)
            method = methods.new(self._world, card)
            problem = collecting.collect(self._world, invoice, method=method["id"])
            intent = invoices.intent_of(self._world, invoice)
        if intent is not None and intent["status"] == "requires_action":
            return back(f"{self._root}/3ds/{intent['id']}")
        return (
            self._invoice(name, str(problem)) if problem else back(f"{self._root}/invoices/{name}")
        )

    def _invoice(self, name: str, problem: str = "") -> Response:
        invoice = self._world.store.get(name, "invoice")
        if invoice is None:
            return page(self._root, "There is no such invoice", status=404)
        rows: list[list[Any]] = [
            [line["description"], dollars(line["amount"])] for line in invoice["lines"]["data"]
        ]
        rows += [["Tax", dollars(tax["amount"])] for tax in invoice["total_taxes"]]
        rows.append(["Total", dollars(invoice["total"])])
        due = invoice["amount_remaining"] if invoice["status"] == "open" else invoice["total"]
        return page(
            self._root,
            f"Invoice {invoice['number'] or '(draft)'}: {invoice['status']}",
            el("p", problem, class_="error", role="alert") if problem else None,
            el("p", dollars(due), class_="sum"),
            table(["Line", "Amount"], rows, empty=""),
            self._pay_form(name) if invoice["status"] in ("open", "uncollectible") else None,
            status=402 if problem else 200,
        )

    def _pay_form(self, name: str) -> Markup:
        here = f"{self._root}/invoices/{name}"
        choices = [
            el(
                "li",
                el("span", card.title, " ", el("code", card.number)),
                button(
                    here,
                    "Pay with this",
                    quiet=True,
                    number=card.number,
                    label=f"Pay with this: {card.title}",
                ),
            )
            for card in cards.CARDS
        ]
        return el("section", el("h2", "Pay with a test card"), el("ul", *choices, class_="cards"))

    async def receipt(self, request: Request) -> Response:
        charge = self._world.store.get(request.path_params["name"], "charge")
        if charge is None:
            return page(self._root, "There is no such receipt", status=404)
        method = self._world.store.get(charge["payment_method"])
        return page(
            self._root,
            "Receipt",
            el("p", dollars(charge["amount"]), class_="sum"),
            el("p", f"{card_name(method)}, {moment(charge['created'])}, {charge['status']}"),
        )


def subscribed(world: World, subscription: Thing) -> str:
    """Its items in words."""
    items = subscriptions.items_of(world, subscription)
    names = [
        (item["quantity"], world.must("product", item["price"]["product"])["name"])
        for item in items
    ]
    return ", ".join(f"{quantity} × {name}" for quantity, name in names)
