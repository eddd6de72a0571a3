"""The calls about invoices, their payments and items."""

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, paged, reading
from apps.sandbox.stripe.errors import Thing, invalid, wrong_state
from apps.sandbox.stripe.rendering import listed
from apps.sandbox.stripe.resources import collecting, customers, invoices, lines, prices
from apps.sandbox.stripe.resources.invoices import Bill
from apps.sandbox.stripe.resources.lines import Line
from apps.sandbox.stripe.world import World


def _create(world: World, given: Thing) -> Thing:
    if "customer" not in given:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    customer = customers.existing(world, given["customer"], param="customer")
    takes = given.get("pending_invoice_items_behavior", "exclude") == "include"
    now = world.now()
    bill = Bill(
        customer["id"],
        lines.pending(world, customer["id"], None) if takes else [],
        "manual",
        now,
        now,
        taxed=bool(given.get("automatic_tax", {}).get("enabled")),
        description=given.get("description"),
        metadata=metadata(given),
    )
    return invoices.draft(world, bill)


def _finalize(world: World, _: Thing, *, name: str) -> Thing:
    return invoices.finalize(world, world.must("invoice", name))


def _void(world: World, _: Thing, *, name: str) -> Thing:
    return invoices.void(world, world.must("invoice", name))


def _give_up(world: World, _: Thing, *, name: str) -> Thing:
    return invoices.give_up(world, world.must("invoice", name))


def _update(world: World, given: Thing, *, name: str) -> Thing:
    invoice = world.must("invoice", name)
    plain = {
        field: given[field] for field in ("description", "auto_advance", "footer") if field in given
    }
    world.save(invoice, **plain, metadata=metadata(given, invoice["metadata"]))
    world.emit("invoice.updated", invoice)
    return invoice


def _list(world: World, given: Thing) -> Thing:
    fields = {"customer": "customer", "status": "status", "subscription": "_subscription"}
    equal = {field: given[name] for name, field in fields.items() if name in given}
    return paged(world, "invoice", "/v1/invoices", given, equal)


def _lines(world: World, given: Thing, *, name: str) -> Thing:
    every = world.must("invoice", name)["lines"]["data"]
    start = 0
    if "starting_after" in given:
        names = [line["id"] for line in every]
        if given["starting_after"] not in names:
            raise invalid(f"No such line item: '{given['starting_after']}'", param="starting_after")
        start = names.index(given["starting_after"]) + 1
    end = start + given.get("limit", 10)
    return listed(f"/v1/invoices/{name}/lines", every[start:end], has_more=end < len(every))


def _payments(world: World, given: Thing) -> Thing:
    equal: Thing = {name: given[name] for name in ("invoice", "status") if name in given}
    payment = given.get("payment", {})
    if "payment_intent" in payment:
        equal["payment.payment_intent"] = payment["payment_intent"]
    return paged(world, "invoice_payment", "/v1/invoice_payments", given, equal)


def _create_item(world: World, given: Thing) -> Thing:
    if "customer" not in given:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    customer = customers.existing(world, given["customer"], param="customer")
    subscription = given.get("subscription", "")
    if subscription:
        world.must("subscription", subscription, param="subscription")
    quantity = given.get("quantity", 1)
    named = given.get("pricing", {}).get("price")
    price = prices.chosen(world, {"price": named}, param="pricing") if named else None
    if price is None and "amount" not in given:
        raise invalid("Missing required param: amount.", param="amount", code="parameter_missing")
    amount = price["unit_amount"] * quantity if price else given["amount"]
    now = world.now()
    lines.keep(
        world,
        [Line(given.get("description", ""), amount, now, now, price, quantity, subscription)],
        customer["id"],
    )
    made = world.store.every("invoiceitem", customer=customer["id"])[-1]
    return world.save(made, metadata=metadata(given))


def _delete_item(world: World, _: Thing, *, name: str) -> Thing:
    item = world.must("invoiceitem", name)
    if item["invoice"] is not None:
        raise wrong_state("invoice_not_editable", "Items on an invoice cannot be deleted.")
    world.store.forget(name)
    return {"id": name, "object": "invoiceitem", "deleted": True}


ENDPOINTS = (
    Endpoint("POST", "/v1/invoices", declared.InvoiceCreateParams, _create),
    Endpoint("GET", "/v1/invoices", declared.InvoiceListParams, _list),
    reading("invoice", "/v1/invoices/{name}", declared.InvoiceRetrieveParams),
    Endpoint("POST", "/v1/invoices/{name}", declared.InvoiceUpdateParams, _update),
    Endpoint(
        "POST", "/v1/invoices/{name}/finalize", declared.InvoiceFinalizeInvoiceParams, _finalize
    ),
    Endpoint("POST", "/v1/invoices/{name}/pay", declared.InvoicePayParams, collecting.pay),
    Endpoint("POST", "/v1/invoices/{name}/void", declared.InvoiceVoidInvoiceParams, _void),
    Endpoint(
        "POST",
        "/v1/invoices/{name}/mark_uncollectible",
        declared.InvoiceMarkUncollectibleParams,
        _give_up,
    ),
    Endpoint("GET", "/v1/invoices/{name}/lines", declared.InvoiceLineItemListParams, _lines),
    Endpoint("GET", "/v1/invoice_payments", declared.InvoicePaymentListParams, _payments),
    reading(
        "invoice_payment", "/v1/invoice_payments/{name}", declared.InvoicePaymentRetrieveParams
    ),
    Endpoint("POST", "/v1/invoiceitems", declared.InvoiceItemCreateParams, _create_item),
    listing(
        "invoiceitem",
        "/v1/invoiceitems",
        declared.InvoiceItemListParams,
        filters={"customer": "customer", "invoice": "invoice"},
    ),
    reading("invoiceitem", "/v1/invoiceitems/{name}", declared.InvoiceItemRetrieveParams),
    Endpoint("DELETE", "/v1/invoiceitems/{name}", declared.InvoiceItemDeleteParams, _delete_item),
)
