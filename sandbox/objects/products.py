"""Products."""

from __future__ import annotations

import re

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects import prices
from prefect_stripe.sandbox.objects.common import apply_metadata, chosen, new_metadata, target
from prefect_stripe.sandbox.objects.customers import deleted_stub
from prefect_stripe.sandbox.paging import equals, page, within
from prefect_stripe.sandbox.rows import Row

_PLAIN = ("active", "description", "name", "shippable", "statement_descriptor", "tax_code", "unit_label", "url")


def create_product(ctx: Context) -> Row:
    params = ctx.params
    id = params.get("id")
    if id is not None and not re.fullmatch(r"[\w.\-]{1,255}", id, re.ASCII):
        raise bad_request(f"Invalid product ID: {id}", param="id")  # [K]
    if id is not None and ctx.get("product", id) is not None:  # [K; code SDK]
        raise bad_request("Product already exists.", code="resource_already_exists", param="id")
    row = ctx.insert(
        "product",
        {
            **({"id": id} if id else {}),
            "active": True,
            "created": ctx.now,
            "default_price": None,
            "description": None,
            "images": params.get("images") or [],
            "marketing_features": params.get("marketing_features") or [],
            "metadata": new_metadata(params),
            "name": params["name"],
            "package_dimensions": params.get("package_dimensions"),
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "tax_details": params.get("tax_details"),
            "type": params.get("type", "service"),
            "unit_label": None,
            "updated": ctx.now,
            "url": None,
            **chosen(params, *_PLAIN),
        },
    )
    if "default_price_data" in params:
        price = prices.new_price(ctx, {**params["default_price_data"], "product": row["id"]})
        ctx.change(row, default_price=price["id"])
    ctx.record("product.created", row)
    return row


def update_product(ctx: Context) -> Row:
    """A default price is one of its own [SDK; text K]."""
    params = ctx.params
    row = target(ctx, "product", "id")
    fields = chosen(params, *_PLAIN, "images", "marketing_features", "package_dimensions", "tax_details")
    for name in ("images", "marketing_features"):
        if name in fields:
            fields[name] = fields[name] or []
    if "default_price" in params:
        price = ctx.find("price", params["default_price"], "default_price") if params["default_price"] else None
        if price is not None and price["product"] != row["id"]:
            raise bad_request(
                f"The price specified (`{price['id']}`) does not belong to the product.", param="default_price"
            )
        fields["default_price"] = price and price["id"]
    apply_metadata(ctx, row, fields)
    ctx.change(row, **fields, updated=ctx.now)
    ctx.record("product.updated", row)
    return row


def delete_product(ctx: Context) -> Row:
    row = target(ctx, "product", "id")
    if ctx.select("price", "product", row["id"]):  # [SDK]; text [K]
        raise bad_request("This product cannot be deleted because it has one or more user-created prices.")
    ctx.change(row, _gone=True)
    ctx.record("product.deleted", row)
    return deleted_stub(row)


def list_products(ctx: Context) -> Page:
    ids = ctx.params.get("ids")
    if ids and ("starting_after" in ctx.params or "ending_before" in ctx.params):  # [SDK]
        raise bad_request("You may not use `ids` with `starting_after` or `ending_before`.", param="ids")
    filters = {name: equals(name) for name in ("active", "shippable", "type", "url")}
    return page(
        ctx,
        "product",
        {**filters, "created": within("created")},
        where=(lambda row: row["id"] in ids) if ids else None,
    )
