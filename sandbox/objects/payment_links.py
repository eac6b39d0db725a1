"""Payment links, and the items that they sell."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request, missing_parameter, no_such
from prefect_stripe.sandbox.expand import Page, render
from prefect_stripe.sandbox.objects.common import (
    apply_metadata,
    chosen,
    listing,
    new_metadata,
    only_one,
    positive,
    refuse_not_simulated,
    target,
)
from prefect_stripe.sandbox.objects.invoice_items import rounded, transformed
from prefect_stripe.sandbox.objects.prices import new_price
from prefect_stripe.sandbox.paging import equals, page
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import secret_letters

MAX_ITEMS: Final = 20  # [SDK]
_PLAIN: Final = (
    "active",
    "allow_promotion_codes",
    "billing_address_collection",
    "custom_fields",
    "customer_creation",
    "inactive_message",
    "payment_method_collection",
    "payment_method_types",
    "submit_type",
)
_INSIDE: Final[Mapping[str, Row]] = {  # [SDK]
    "custom_fields": {"optional": False},
    "payment_intent_data": {"metadata": {}},
    "restrictions": {"completed_sessions": {"count": 0}},
    "subscription_data": {"invoice_settings": {"issuer": {"type": "self"}}, "metadata": {}},
}
"""What is in each hash, given or not."""


def create_payment_link(ctx: Context) -> Row:
    params = ctx.params
    refuse_not_simulated(params)
    given = params["line_items"]
    if len(given) > MAX_ITEMS:  # [SDK]
        raise bad_request(f"A payment link has up to {MAX_ITEMS} items.", param="line_items")
    prices = [_price(ctx, item, f"line_items[{index}]") for index, item in enumerate(given)]
    currencies: set[str] = {price["currency"] for price in prices} | {ctx.given("currency", prices[0]["currency"])}
    if len(currencies) > 1:  # [K]
        raise bad_request("All prices of a payment link must have one currency.", param="line_items")
    row = ctx.insert("payment_link", {**_defaults(ctx, params), "currency": currencies.pop()})
    ctx.change(row, **_fields(row, params))
    for item, price in zip(given, prices, strict=True):
        _item(ctx, row, item, price)
    ctx.record("payment_link.created", row)
    return row


def _price(ctx: Context, item: Mapping[str, Any], path: str) -> Row:
    """One of a price and its data [SDK]; a price must be active [K; text 3P]."""
    only_one(item, "price", "price_data", path=path)
    if item.get("price_data"):
        return new_price(ctx, {**item["price_data"], "active": False})
    if not item.get("price"):
        raise missing_parameter(f"{path}[price]")
    price = ctx.find("price", item["price"], f"{path}[price]")
    if not price["active"]:
        raise bad_request(
            "The price specified is inactive. This field only accepts active prices.", param=f"{path}[price]"
        )
    return price


def _amount(price: Row, quantity: int) -> int:
    return rounded(Decimal(price["unit_amount_decimal"] or 0) * transformed(Decimal(quantity), price))


def _item(ctx: Context, link: Row, given: Mapping[str, Any], price: Row) -> Row:
    quantity = given["quantity"]
    positive(quantity, "line_items[quantity]")
    amount = _amount(price, quantity)
    product = ctx.get("product", price["product"])
    return ctx.insert(
        "item",
        {
            "adjustable_quantity": given.get("adjustable_quantity"),
            "amount_discount": 0,
            "amount_subtotal": amount,
            "amount_tax": 0,
            "amount_total": amount,
            "currency": price["currency"],
            "description": product["name"] if product else None,
            "metadata": {},
            "price": render(ctx.account, price, []),
            "quantity": quantity,
            "_payment_link": link["id"],
        },
    )


def _defaults(ctx: Context, params: Mapping[str, Any]) -> Row:
    recurring = any("recurring" in (item.get("price_data") or {}) for item in params["line_items"])
    return {
        "active": True,
        "after_completion": {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"},
        "allow_promotion_codes": False,
        "application": None,
        "application_fee_amount": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_address_collection": "auto",
        "consent_collection": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": "always" if recurring else "if_required",
        "inactive_message": None,
        "invoice_creation": {"enabled": False, "invoice_data": None},
        "metadata": new_metadata(params),
        "name_collection": None,
        "on_behalf_of": None,
        "optional_items": None,
        "payment_intent_data": None,
        "payment_method_collection": "always",
        "payment_method_types": None,
        "phone_number_collection": {"enabled": False},
        "restrictions": None,
        "shipping_address_collection": None,
        "shipping_options": [],
        "submit_type": "auto",
        "subscription_data": None,
        "tax_id_collection": {"enabled": False, "required": "never"},
        "transfer_data": None,
        "url": f"https://buy.stripe.com/{'' if ctx.livemode else 'test_'}{secret_letters(14)}",
    }


def _fields(row: Row, params: Mapping[str, Any]) -> Row:
    fields = chosen(params, *_PLAIN)
    hashes = (
        "after_completion",
        "consent_collection",
        "custom_text",
        "invoice_creation",
        "name_collection",
        "payment_intent_data",
        "phone_number_collection",
        "restrictions",
        "shipping_address_collection",
        "subscription_data",
        "tax_id_collection",
    )
    for name in hashes:
        if name in params:
            given: Row | None = params[name]
            old: Row = row[name] or {}
            if given and given.get("type") != old.get("type"):
                old = {}  # of another kind, whose hash goes with it
            fields[name] = None if given is None else _filled({**old, **given}, _INSIDE.get(name, {}))
    if fields.get("name_collection"):
        asked_names: Row = {"business": None, "individual": None, **fields["name_collection"]}
        fields["name_collection"] = {of: asked and {"optional": False, **asked} for of, asked in asked_names.items()}
    if "custom_fields" in fields:
        asked: list[Row] = fields["custom_fields"] or []
        fields["custom_fields"] = [_filled(one, _INSIDE["custom_fields"]) for one in asked]
    return fields


def _filled(given: Row, inside: Row) -> Row:
    filled = dict(given)
    for name, value in inside.items():
        if isinstance(value, dict):
            filled[name] = _filled(filled.get(name) or {}, cast("Row", value))
        else:
            filled.setdefault(name, value)
    return filled


def update_payment_link(ctx: Context) -> Row:
    params, row = ctx.params, target(ctx, "payment_link", "payment_link")
    refuse_not_simulated(params)
    for index, given in enumerate(params.get("line_items") or ()):
        item = ctx.get("item", given["id"])
        if item is None or item["_payment_link"] != row["id"]:
            raise no_such("item", given["id"], f"line_items[{index}][id]", status=400)
        quantity = given.get("quantity", item["quantity"])
        positive(quantity, "line_items[quantity]")
        amount = _amount(item["price"], quantity)
        ctx.change(
            item,
            quantity=quantity,
            amount_subtotal=amount,
            amount_total=amount,
            **chosen(given, "adjustable_quantity"),
        )
    fields = _fields(row, params)
    apply_metadata(ctx, row, fields)
    ctx.change(row, **fields)
    ctx.record("payment_link.updated", row)
    return row


def list_payment_link_line_items(ctx: Context) -> Page:
    row = target(ctx, "payment_link", "payment_link")
    return page(ctx, "item", index="payment_link", value=row["id"], oldest_first=True)


list_payment_links = listing("payment_link", {"active": equals("active")})
