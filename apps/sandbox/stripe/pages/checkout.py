"""Checkout: choose a test card, pay, pass 3-D Secure, go back."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apps.sandbox.stripe import paying
from apps.sandbox.stripe.cards import BANK_ACCOUNTS, CARDS
from apps.sandbox.stripe.errors import StripeError, Thing
from apps.sandbox.stripe.pages.html import Markup, back, button, el, form, page, path_of
from apps.sandbox.stripe.resources import checkout
from apps.sandbox.stripe.wording import dollars
from apps.sandbox.stripe.world import World

_VERBS = {
    "payment": "Pay",
    "subscription": "Subscribe and pay",
    "setup": "Save the card, nothing is charged",
}


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._root = path_of(world.public_url)

    def routes(self) -> list[Route]:
        return [
            Route("/pay/{name}", self.show),
            Route("/pay/{name}", self.pay, methods=["POST"]),
            Route("/3ds/{name}", self.ask),
            Route("/3ds/{name}", self.answer, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return self._shown(request.path_params["name"])

    async def pay(self, request: Request) -> Response:
        name = request.path_params["name"]
        fields = await form(request)
        number, saves = fields.get("number", ""), fields.get("saves") == "on"
        session, problem = self._world.attempt(
            lambda: paying.pay(self._world, name, number, saves=saves)
        )
        if session is None:
            return self._shown(name, str(problem))
        waiting = paying.waits_for(self._world, session)
        return back(f"{self._root}/3ds/{waiting['id']}" if waiting else f"{self._root}/pay/{name}")

    async def ask(self, request: Request) -> Response:
        """The bank's own page."""
        intent = self._world.store.get(request.path_params["name"])
        if intent is None or intent["object"] not in ("payment_intent", "setup_intent"):
            return page(self._root, "Nothing to confirm here", status=404)
        home, leave = self._home(intent)
        if intent["status"] != "requires_action":
            return page(
                self._root, "Thank you", el("p", el("a", "Continue", href=home)), refresh=home
            )
        sum_ = el("p", dollars(intent["amount"]), class_="sum") if "amount" in intent else None
        here = f"{self._root}/3ds/{intent['id']}"
        return page(
            self._root,
            "Your bank asks: is this you?",
            sum_,
            el("p", "This stands for the 3-D Secure page of the cardholder's bank."),
            el(
                "div",
                button(here, "Complete", answer="complete"),
                button(here, "Fail", answer="fail"),
                el("a", "Leave without an answer", href=leave),
                class_="actions",
            ),
        )

    async def answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        passes = (await form(request)).get("answer") == "complete"
        intent = self._world.store.get(name)
        if intent is None:
            return page(self._root, "Nothing to confirm here", status=404)
        home, _ = self._home(intent)
        # What the bank says against it stands on the page one comes back to.
        self._world.attempt(lambda: paying.authenticate(self._world, name, passes=passes))
        return back(
            path_of(home) if home.startswith(self._world.public_url) else f"{self._root}/3ds/{name}"
        )

    def _home(self, intent: Thing) -> tuple[str, str]:
        """Where the person came from, and where leaving leads."""
        for session in self._world.store.every("checkout.session", _intent=intent["id"]):
            here = f"{self._world.public_url}/pay/{session['id']}"
            return here, session["cancel_url"] or here
        home = intent.get("_return_url") or self._world.public_url + "/console"
        return home, home

    def _shown(self, name: str, problem: str = "") -> Response:
        with self._world.store.transaction():
            try:
                session = checkout.current(self._world, name)
            except StripeError:
                return page(self._root, "There is no such payment", status=404)
            if session["status"] == "complete":
                target = session["success_url"].replace("{CHECKOUT_SESSION_ID}", name)
                return page(
                    self._root,
                    "Thank you",
                    el("p", el("a", "Continue", href=target)),
                    refresh=target,
                )
            if session["status"] == "expired":
                return page(self._root, "This payment page has expired", _leave(session))
            problem = problem or _last_problem(self._world, session)
            status = 402 if problem else 200
            return page(
                self._root, _VERBS[session["mode"]], *self._asked(session, problem), status=status
            )

    def _asked(self, session: Thing, problem: str) -> list[Any]:
        lines = [
            el(
                "li",
                f"{line['quantity']} × {line['description']}",
                el("span", dollars(line["amount_subtotal"])),
            )
            for line in session["_lines"]
        ]
        details = session["total_details"] or {}
        if details.get("amount_tax"):
            lines.append(el("li", "Tax", el("span", dollars(details["amount_tax"]))))
        total = el("p", dollars(session["amount_total"]), class_="sum") if lines else None
        return [
            el("p", problem, class_="error", role="alert") if problem else None,
            total,
            el("ul", *lines, class_="cards") if lines else None,
            self._card_form(session),
            _leave(session),
        ]

    def _card_form(self, session: Thing) -> Markup:
        here = f"{self._root}/pay/{session['id']}"
        offers = (session["saved_payment_method_options"] or {}).get(
            "payment_method_save"
        ) == "enabled"
        saves = el(
            "label",
            el("input", type="checkbox", name="saves"),
            "Save this card for later",
            class_="check",
        )
        typed = el(
            "form",
            el("label", "Card number", for_="number"),
            el(
                "input",
                id="number",
                name="number",
                inputmode="numeric",
                autocomplete="off",
                required=True,
                placeholder="4242 4242 4242 4242",
            ),
            saves if offers else None,
            el("div", el("button", _VERBS[session["mode"]].split(",")[0]), class_="actions"),
            method="post",
            action=here,
        )
        sources: list[Any] = list(CARDS)
        if session["mode"] == "payment":
            sources += BANK_ACCOUNTS.values()
        choices = [
            el(
                "li",
                el("span", source.title, " ", el("code", source.number)),
                button(
                    here,
                    "Use this",
                    quiet=True,
                    number=source.number,
                    label=f"Use this: {source.title}",
                ),
            )
            for source in sources
        ]
        return el("section", typed, el("h2", "Test cards"), el("ul", *choices, class_="cards"))


def _leave(session: Thing) -> Markup | None:
    if not session["cancel_url"]:
        return None
    return el("p", el("a", "Leave without paying", href=session["cancel_url"]))


def _last_problem(world: World, session: Thing) -> str:
    intent = world.store.get(session["_intent"] or "") or {}
    error = intent.get("last_payment_error") or intent.get("last_setup_error") or {}
    return str(error.get("message", ""))
