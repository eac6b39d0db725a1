"""Previews of invoices: a POST that reads. They can be looked at again for 72 hours, and are in no list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request, refusal
from prefect_stripe.sandbox.objects import invoice_items, totals
from prefect_stripe.sandbox.objects.common import new_metadata, only_one, refuse_not_simulated
from prefect_stripe.sandbox.objects.invoices import new_invoice
from prefect_stripe.sandbox.objects.subscriptions import period
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import new_id

KEPT_SECONDS: Final = 72 * 3600  # [3P]; then it is gone, as the strictest reading
_NOBODY: Final = {
    "id": None,
    "balance": 0,
    "currency": None,
    "tax_exempt": "none",
    "invoice_settings": {"footer": None},
    **dict.fromkeys(("address", "email", "name", "phone", "shipping")),
}

_NOT_FORESEEN: Final = (
    "billing_cycle_anchor",
    "billing_schedules",
    "cancel_at",
    "cancel_at_period_end",
    "cancel_now",
    "pause",
    "proration_date",
    "resume_at",
    "start_date",
    "trial_end",
)
"""Changes to a subscription that would make it another preview, by rules that the sandbox has not: refused [own]."""


def preview_invoice(ctx: Context) -> Row:
    params = ctx.params
    refuse_not_simulated(params, "subscription")
    if params.get("schedule") or params.get("schedule_details", {}).get("phases"):  # [own]
        raise bad_request("The sandbox does not simulate subscription schedules.", param="schedule")
    subscription = _subscription(ctx)
    details: Row = params.get("subscription_details") or {}
    for name in _NOT_FORESEEN:
        if details.get(name) and details[name] != {"type": "unchanged"}:  # [own]
            path = f"subscription_details[{name}]"
            raise bad_request(f"The sandbox does not simulate `{path}`.", param=path)
    if subscription is None and not details.get("items") and not params.get("invoice_items"):  # [3P; text K]
        raise bad_request(
            "You must provide a `subscription`, a `schedule`, `subscription_details[items]`, "
            "`schedule_details[phases]` or `invoice_items` to preview an invoice.",
        )
    customer = _customer(ctx, subscription)
    currency = params.get("currency") or _first_currency(ctx, subscription) or customer["currency"]
    invoice = new_invoice(
        ctx,
        customer,
        currency or ctx.account.settings["currency"],
        id="upcoming_" + new_id("invoice"),
        billing_reason="upcoming",
        _hidden=True,
        _preview_until=ctx.now + KEPT_SECONDS,
    )
    items = ctx.select("subscription_item", "subscription", subscription["id"]) if subscription else []
    start = items[0]["current_period_end"] if items else ctx.now
    for index, given in enumerate(params.get("invoice_items", ())):
        _item_line(ctx, invoice, given, f"invoice_items[{index}]")
    _pending_lines(ctx, invoice, {given.get("invoiceitem") for given in params.get("invoice_items", ())})
    for item in _subscription_items(ctx, items, details):
        _subscription_line(ctx, invoice, item, subscription, start)
    if subscription is not None:
        parent = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
        ctx.change(
            invoice,
            parent={
                "type": "subscription_details",
                "quote_details": None,
                "subscription_details": {**parent, "subscription_proration_date": None},
            },
        )
    totals.recalculate(ctx, invoice)
    return invoice


def _subscription(ctx: Context) -> Row | None:
    """The subscription that is asked about; nothing comes of one that ends [SDK: code; status and text K]."""
    id = ctx.params.get("subscription")
    if id is None:
        return None
    subscription = ctx.find("subscription", id, "subscription")
    if subscription["status"] == "canceled" or subscription["cancel_at_period_end"]:
        raise refusal(
            404,
            f"No upcoming invoices for customer: {subscription['customer']}",
            code="invoice_upcoming_none",
        )
    return subscription


def _customer(ctx: Context, subscription: Row | None) -> Row:
    """Whose preview it is: a customer's, or nobody's yet [SDK; text K]."""
    only_one(ctx.params, "customer", "customer_details")
    id = ctx.params.get("customer") or (subscription and subscription["customer"])
    if id is None:
        return {**_NOBODY, **ctx.params.get("customer_details", {})}
    customer = ctx.find("customer", str(id), "customer")
    if subscription is not None and subscription["customer"] != customer["id"]:
        raise bad_request(
            f"The subscription {subscription['id']} does not belong to the customer {customer['id']}.",
            param="subscription",
        )
    return customer


def _first_currency(ctx: Context, subscription: Row | None) -> str | None:
    if subscription is not None:
        return str(subscription["currency"])
    for given in ctx.params.get("invoice_items", ()):
        currency = given.get("currency") or given.get("price_data", {}).get("currency")
        price = ctx.get("price", given.get("price"))
        if currency or price:
            return str(currency or (price and price["currency"]))
    for given in ctx.params.get("subscription_details", {}).get("items", ()):
        price = ctx.get("price", given.get("price"))
        if price:
            return str(price["currency"])
    return None


def _item_line(ctx: Context, invoice: Row, given: Mapping[str, Any], path: str) -> None:
    """A line for an item that is only asked about; its price is at the top level here [SDK]."""
    refuse_not_simulated(given, path=path)
    only_one(given, "unit_amount", "unit_amount_decimal", path=path)
    params = dict(given)
    if "price" in params:
        params["pricing"] = {"price": params.pop("price")}
    if "unit_amount" in params:
        params["unit_amount_decimal"] = Decimal(params.pop("unit_amount"))
    old = ctx.find("invoiceitem", given["invoiceitem"], f"{path}[invoiceitem]") if "invoiceitem" in given else None
    priced = invoice_items.pricing(ctx, params, invoice["currency"], path, old)
    invoice_items.must_match(priced["currency"], invoice, path)
    period: Row = given.get("period") or {"start": ctx.now, "end": ctx.now}
    base: Row = old or {"id": new_id("invoiceitem"), "description": None, "discountable": True, "discounts": []}
    invoice_items.insert_line(
        ctx,
        {
            **base,
            **priced,
            "description": given.get("description", base["description"]),
            "discountable": given.get("discountable", base["discountable"]),
            "invoice": invoice["id"],
            "metadata": new_metadata(given),
            "period": {"start": period["start"], "end": period["end"]},
        },
        _invoiceitem=None,
    )


def _pending_lines(ctx: Context, invoice: Row, given: set[str | None]) -> None:
    """The customer's pending items would be on the next invoice too."""
    if invoice["customer"] is None:
        return
    for item in ctx.select("invoiceitem", "pending", invoice["customer"]):
        if item["id"] not in given and item["currency"] == invoice["currency"]:
            invoice_items.insert_line(ctx, {**item, "invoice": invoice["id"]}, _invoiceitem=None)


def _subscription_items(
    ctx: Context, there: Iterable[Row], details: Mapping[str, Any]
) -> Iterable[tuple[Row, int, str | None]]:
    """Price, quantity and id of each item as it would be [SDK; texts K]."""
    items: dict[str, tuple[Row, int, str | None]] = {
        item["id"]: (item["price"], item["quantity"], item["id"]) for item in there
    }
    for index, given in enumerate(details.get("items", ())):
        path = f"subscription_details[items][{index}]"
        id = given.get("id")
        if id is not None and id not in items:
            raise bad_request(f"No such subscription item: '{id}'", code="resource_missing", param=f"{path}[id]")
        if given.get("deleted"):
            items.pop(str(id), None)
            continue
        known = items.get(str(id))
        if given.get("price") is None and known is None:
            raise bad_request(f"Missing required param: {path}[price].", code="parameter_missing", param=path)
        price = ctx.find("price", given["price"], f"{path}[price]") if given.get("price") else known and known[0]
        assert price is not None  # one of the two is there
        if price["type"] != "recurring":
            raise bad_request(
                "The price specified is set to `type=one_time` but this field only accepts prices with "
                "`type=recurring`.",
                param=f"{path}[price]",
            )
        quantity = given.get("quantity", known[1] if known else 1)
        items[str(id) if id else path] = (price, quantity, id)
    return items.values()


def _subscription_line(
    ctx: Context, invoice: Row, item: tuple[Row, int, str | None], subscription: Row | None, start: int
) -> None:
    """A line for an item of a subscription; tiers are not simulated [own]."""
    price, quantity, id = item
    unit = price["unit_amount_decimal"]
    if unit is None:
        raise bad_request("The sandbox does not simulate tiered prices on subscriptions.")
    amount = invoice_items.rounded(Decimal(unit) * invoice_items.transformed(Decimal(quantity), price))
    product = ctx.get("product", price["product"])
    end = start + period(price)
    invoice_items.insert_line(
        ctx,
        {
            "id": None,
            "amount": amount,
            "currency": price["currency"],
            "description": f"{quantity} x {product['name'] if product else price['id']}",
            "discountable": True,
            "discounts": [],
            "invoice": invoice["id"],
            "metadata": {},
            "period": {"start": start, "end": end},
            "pricing": {
                "type": "price_details",
                "price_details": {"price": price["id"], "product": price["product"]},
                "unit_amount_decimal": unit,
            },
            "quantity": quantity,
            "quantity_decimal": str(quantity),
        },
        subscription=subscription["id"] if subscription else None,
        parent={
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"] if subscription else None,
                "subscription_item": id or "",
            },
        },
    )
