"""Invoice items, how they are priced, and the invoice lines that show them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Refusal, bad_request, missing_parameter
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.form import below
from prefect_stripe.sandbox.objects import totals
from prefect_stripe.sandbox.objects.common import (
    chosen,
    new_metadata,
    only_one,
    refuse_not_simulated,
    target,
)
from prefect_stripe.sandbox.objects.customers import deleted_stub
from prefect_stripe.sandbox.objects.prices import decimal_text, inline_price
from prefect_stripe.sandbox.paging import page, within
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.validation import merged_metadata

MAX_ITEMS: Final = 250  # [DOC]
PRICINGS: Final = ("amount", "unit_amount_decimal", "price_data", "pricing")  # [SDK]


def create_invoice_item(ctx: Context) -> Row:
    """For a customer, and on a draft of that one's, if on any [SPEC23, PROBE; texts K]."""
    params = ctx.params
    refuse_not_simulated(params)
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = ctx.find("customer", params["customer"], "customer")
    invoice = ctx.find("invoice", params["invoice"], "invoice") if "invoice" in params else None
    if invoice is not None:
        editable(invoice)
        if invoice["customer"] != customer["id"]:
            raise bad_request(
                f"The invoice {invoice['id']} does not belong to the customer {customer['id']}.", param="invoice"
            )
    row = new_item(ctx, params, customer, invoice)
    if invoice is not None:
        totals.recalculate(ctx, invoice)
    return row


def new_item(ctx: Context, params: Mapping[str, Any], customer: Row, invoice: Row | None, path: str = "") -> Row:
    """An invoice item from an item's or a line's parameters, put on the invoice if there is one."""
    refuse_not_simulated(params, path=path)
    if invoice is not None:
        room(ctx, invoice)
    default = str(invoice["currency"]) if invoice is not None and path else None
    priced = pricing(ctx, params, default, path)
    currency = priced["currency"]
    if invoice is not None:
        must_match(currency, invoice, path)
    totals.same_currency(ctx, customer, currency)
    period = _period(params.get("period") or {"start": ctx.now, "end": ctx.now}, path)
    row = ctx.insert(
        "invoiceitem",
        {
            "customer": customer["id"],
            "customer_account": None,
            "date": ctx.now,
            "description": params.get("description"),
            "discountable": params.get("discountable", priced["amount"] >= 0),
            "discounts": [],
            "frozen_fields": None,
            "invoice": invoice and invoice["id"],
            "invoicing_rules": None,
            "metadata": new_metadata(params),
            "parent": None,
            "period": period,
            "proration": False,
            "proration_details": None,
            "tax_rates": [],
            "test_clock": None,
            **priced,
        },
    )
    if customer["currency"] is None:
        ctx.change(customer, currency=currency)
    if invoice is not None:
        put_line(ctx, row)
    ctx.record("invoiceitem.created", row, row["amount"])
    return row


def _period(given: Mapping[str, Any], path: str) -> dict[str, int]:
    if given["end"] < given["start"]:  # [SDK; text K]
        param = below(below(path, "period"), "end")
        raise bad_request("The end of the period must not be before its start.", param=param)
    return {"start": given["start"], "end": given["end"]}


def must_match(currency: str, invoice: Row, path: str) -> None:
    if currency != invoice["currency"]:  # [K: text]
        raise bad_request(
            f"The currency of the invoice item ({currency}) must match the currency of the invoice "
            f"({invoice['currency']}).",
            param=below(path, "currency"),
        )


def rounded(amount: Decimal) -> int:
    """Whole minor units, half of one away from zero [K]."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def pricing(
    ctx: Context, params: Mapping[str, Any], currency: str | None, path: str = "", old: Row | None = None
) -> dict[str, Any]:
    """Amount, currency, quantity and pricing, said in exactly one way, or for a new quantity alone [SDK, K]."""
    only_one(params, *PRICINGS, path=path)
    only_one(params, "quantity", "quantity_decimal", path=path)
    quantity = _quantity(params, path, old)
    if params.get("amount") is not None:
        only_one(params, "amount", "quantity", path=path)
        only_one(params, "amount", "quantity_decimal", path=path)
        unit, quantity = Decimal(params["amount"]), Decimal(1)
        price = inline_price(ctx, _currency(params, currency, path), unit, None, _name(params))
    elif params.get("unit_amount_decimal") is not None:
        unit = params["unit_amount_decimal"]
        price = inline_price(ctx, _currency(params, currency, path), unit, None, _name(params))
    elif params.get("price_data") is not None:
        price, unit = _price_data(ctx, params["price_data"], path)
    elif params.get("pricing") is not None:
        price, unit = _catalogue_price(ctx, params, path)
    elif old is not None:
        price = ctx.find("price", old["pricing"]["price_details"]["price"], below(path, "quantity"))
        unit = Decimal(price["unit_amount_decimal"])
    else:
        raise missing_parameter(below(path, "amount"))
    amount = rounded(unit * transformed(quantity, price))
    return {
        "amount": amount,
        "net_amount": amount,
        "currency": price["currency"],
        "quantity": rounded(quantity),
        "quantity_decimal": decimal_text(quantity),
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": decimal_text(unit),
        },
    }


def _quantity(params: Mapping[str, Any], path: str, old: Row | None) -> Decimal:
    """Not below nothing [SDK]."""
    for name in ("quantity", "quantity_decimal"):
        if params.get(name) is not None:
            if params[name] < 0:
                raise bad_request(
                    "Invalid non-negative integer", code="parameter_invalid_integer", param=below(path, name)
                )
            return Decimal(params[name])
    return Decimal(old["quantity_decimal"]) if old is not None else Decimal(1)


def _currency(params: Mapping[str, Any], default: str | None, path: str) -> str:
    """An amount needs one [K: strictest reading], where the invoice does not say it."""
    currency = params.get("currency", default)
    if currency is None:
        raise missing_parameter(below(path, "currency"))
    return str(currency)


def _name(params: Mapping[str, Any]) -> str:
    return params.get("description") or "Invoice item"


def transformed(quantity: Decimal, price: Mapping[str, Any]) -> Decimal:
    """The quantity that a price is multiplied by: of tens, say, where it is for ten [SDK]."""
    rule = price.get("transform_quantity")
    if not rule:
        return quantity
    whole, rest = divmod(quantity, rule["divide_by"])
    return Decimal(whole) + (1 if rest and rule["round"] == "up" else 0)


def _price_data(ctx: Context, data: Mapping[str, Any], path: str) -> tuple[Row, Decimal]:
    """A price given inline, of an active product [SDK; texts K]."""
    data_path = below(path, "price_data")
    only_one(data, "unit_amount", "unit_amount_decimal", path=data_path)
    unit = data.get("unit_amount", data.get("unit_amount_decimal"))
    if unit is None:
        raise missing_parameter(below(data_path, "unit_amount"))
    if "product_data" in data:
        return inline_price(ctx, data["currency"], Decimal(unit), None, data["product_data"]["name"]), Decimal(unit)
    if "product" not in data:
        raise missing_parameter(below(data_path, "product"))
    product = ctx.find("product", data["product"], below(data_path, "product"))
    if not product["active"]:
        raise _inactive("product", below(data_path, "product"))
    return inline_price(ctx, data["currency"], Decimal(unit), product["id"], ""), Decimal(unit)


def _catalogue_price(ctx: Context, params: Mapping[str, Any], path: str) -> tuple[Row, Decimal]:
    """A price that is active, is not recurring, and has the currency asked for [K; texts 3P]."""
    param = below(below(path, "pricing"), "price")
    if "price" not in params["pricing"]:
        raise missing_parameter(param)
    price = ctx.find("price", params["pricing"]["price"], param)
    if not price["active"]:
        raise _inactive("price", param)
    if price["type"] == "recurring":
        raise bad_request(
            "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.",
            param=param,
        )
    if params.get("currency") not in (None, price["currency"]):
        raise bad_request(
            f"The price specified only supports `{price['currency']}`. This doesn't match the expected currency: "
            f"`{params['currency']}`.",
            param=param,
        )
    if price["unit_amount_decimal"] is None:
        raise bad_request("The sandbox does not simulate tiered and custom prices on invoice items.", param=param)
    return price, Decimal(price["unit_amount_decimal"])


def _inactive(object: str, param: str) -> Refusal:
    """[K; text 3P]."""
    return bad_request(f"The {object} specified is inactive. This field only accepts active {object}s.", param=param)


def editable(invoice: Row) -> None:
    if invoice["status"] != "draft":  # [PROBE]
        raise bad_request("Invalid invoice: This invoice is no longer editable", code="invoice_not_editable")


def room(ctx: Context, invoice: Row) -> None:
    if len(ctx.select("line_item", "invoice", invoice["id"])) >= MAX_ITEMS:  # [DOC]; text [K]
        raise bad_request(f"You can only add up to {MAX_ITEMS} items to an invoice.", param="invoice")


_SHARED: Final = (
    "amount",
    "currency",
    "description",
    "discountable",
    "discounts",
    "metadata",
    "period",
    "pricing",
    "quantity",
    "quantity_decimal",
)


def put_line(ctx: Context, item: Row) -> Row:
    """Make or update the line that shows an item on its invoice."""
    known = ctx.select("line_item", "invoiceitem", item["id"])
    if known:
        return ctx.change(known[0], **_shared(item))
    return insert_line(ctx, item)


def _shared(item: Row) -> dict[str, Any]:
    return {name: item[name] for name in _SHARED} | {"subtotal": item["amount"]}


def insert_line(ctx: Context, item: Row, **fields: Any) -> Row:
    details = {
        "invoice_item": item["id"],
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": None,
    }
    return ctx.insert(
        "line_item",
        {
            **_shared(item),
            "discount_amounts": [],
            "invoice": item["invoice"],
            "parent": {
                "type": "invoice_item_details",
                "invoice_item_details": details,
                "subscription_item_details": None,
            },
            "pretax_credit_amounts": [],
            "subscription": None,
            "taxes": [],
            "_invoiceitem": item["id"],
            **fields,
        },
    )


def update_invoice_item(ctx: Context) -> Row:
    row = target(ctx, "invoiceitem", "invoiceitem")
    change_item(ctx, row, ctx.params)
    return row


def change_item(ctx: Context, row: Row, params: Mapping[str, Any], path: str = "") -> None:
    """Update an item, from its own parameters or from its line's, and the line and invoice with it.

    Its currency stays [SDK].
    """
    refuse_not_simulated(params, path=path)
    invoice = _alive(ctx, row)
    fields = chosen(params, "description", "discountable")
    if "period" in params:
        fields["period"] = _period(params["period"], path)
    if any(params.get(name) is not None for name in (*PRICINGS, "quantity", "quantity_decimal")):
        priced = pricing(ctx, params, row["currency"], path, row)
        if priced["currency"] != row["currency"]:
            raise bad_request("You cannot change the currency of an invoice item.", param=below(path, "price_data"))
        fields |= priced
    if "metadata" in params:
        fields["metadata"] = merged_metadata(row["metadata"], params["metadata"])
    ctx.change(row, **fields)
    ctx.record("invoiceitem.updated", row, row["amount"])
    if invoice is not None:
        put_line(ctx, row)
        totals.recalculate(ctx, invoice)


def _alive(ctx: Context, item: Row) -> Row | None:
    """The item's invoice if it can be edited; an item of a deleted draft is dead [PROBE]."""
    if item["invoice"] is None:
        return None
    invoice = ctx.get("invoice", item["invoice"])
    if invoice is None:
        raise bad_request("This invoice item has been deleted.")
    editable(invoice)
    return invoice


def delete_invoice_item(ctx: Context) -> Row:
    row = target(ctx, "invoiceitem", "invoiceitem")
    invoice = _alive(ctx, row)
    drop_item(ctx, row)
    if invoice is not None:
        totals.recalculate(ctx, invoice)
    return deleted_stub(row)


def drop_item(ctx: Context, item: Row) -> None:
    for line in ctx.select("line_item", "invoiceitem", item["id"]):
        ctx.delete(line)
    ctx.delete(item)
    ctx.record("invoiceitem.deleted", item, item["amount"])


def list_invoice_items(ctx: Context) -> Page:
    params = ctx.params
    for name in ("customer", "invoice"):
        if name in params and ctx.get(name, params[name]) is None:
            ctx.find(name, params[name], name)
    pending = params.get("pending")

    def where(row: Row) -> bool:
        return (pending is None or (row["invoice"] is None) == pending) and all(
            row[name] == params[name] for name in ("customer", "invoice") if name in params
        )

    by = next((name for name in ("invoice", "customer") if name in params), None)
    return page(
        ctx,
        "invoiceitem",
        {"created": within("date")},
        index=by,
        value=params[by] if by else None,
        where=where,
    )
