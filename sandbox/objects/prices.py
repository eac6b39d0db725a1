"""Prices, and the nameless ones that amounts given inline become."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request, missing_parameter
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.form import below
from prefect_stripe.sandbox.objects.common import apply_metadata, chosen, new_metadata, only_one, target
from prefect_stripe.sandbox.paging import equals, page, within
from prefect_stripe.sandbox.rows import Row

MAX_INTERVALS: Final[Mapping[str, int]] = {"day": 1095, "week": 156, "month": 36, "year": 3}  # [SDK; days K]
_AMOUNTS: Final = ("unit_amount", "unit_amount_decimal", "custom_unit_amount")


def create_price(ctx: Context) -> Row:
    row = new_price(ctx, ctx.params)
    ctx.record("price.created", row)
    return row


def new_price(ctx: Context, params: Mapping[str, Any]) -> Row:
    tiered = params.get("billing_scheme") == "tiered"
    only_one(params, *_AMOUNTS)
    only_one(params, "tiers", "transform_quantity")  # [SDK]
    for name in ("tiers", "tiers_mode"):
        if not tiered and params.get(name):  # [SDK; text K]
            raise bad_request(f"`{name}` can only be used with `billing_scheme=tiered`.", param=name)
    if not tiered and not any(name in params for name in _AMOUNTS):  # [SDK]
        raise missing_parameter("unit_amount")
    if tiered and not (params.get("tiers") and params.get("tiers_mode")):  # [SDK; K]
        raise missing_parameter("tiers" if not params.get("tiers") else "tiers_mode")
    recurring = params.get("recurring")
    return ctx.insert(
        "price",
        {
            "active": params.get("active", True),
            "billing_scheme": params.get("billing_scheme", "per_unit"),
            "created": ctx.now,
            "currency": params["currency"],
            "custom_unit_amount": _custom(params.get("custom_unit_amount")),
            "lookup_key": _lookup_key(ctx, params),
            "metadata": new_metadata(params),
            "nickname": params.get("nickname"),
            "product": _product(ctx, params),
            "recurring": recurring and _recurring(recurring),
            "tax_behavior": params.get("tax_behavior", "unspecified"),
            "tiers_mode": params.get("tiers_mode"),
            "transform_quantity": params.get("transform_quantity"),
            "type": "recurring" if recurring else "one_time",
            **amounts(_amount(params, "unit_amount")),
            "_tiers": _tiers(params),
            "_currency_options": _currency_options(params.get("currency_options")),
        },
    )


def _product(ctx: Context, params: Mapping[str, Any]) -> str:
    """The product it is a price of, or that is made with it: one of the two [K]."""
    only_one(params, "product", "product_data")
    data = params.get("product_data")
    if data is None:
        if "product" not in params:
            raise missing_parameter("product")
        return str(ctx.find("product", params["product"], "product")["id"])
    return str(new_product(ctx, data["name"], active=data.get("active", True), hidden=False)["id"])


def new_product(ctx: Context, name: str, *, active: bool, hidden: bool) -> Row:
    row = ctx.insert(
        "product",
        {
            "active": active,
            "created": ctx.now,
            "default_price": None,
            "description": None,
            "images": [],
            "marketing_features": [],
            "metadata": {},
            "name": name,
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "tax_details": None,
            "type": "service",
            "unit_label": None,
            "updated": ctx.now,
            "url": None,
            "_hidden": hidden,
        },
    )
    if not hidden:
        ctx.record("product.created", row)
    return row


def inline_price(ctx: Context, currency: str, unit_amount: Decimal, product: str | None, name: str) -> Row:
    """The price that an amount given inline becomes: archived, and in no list."""
    product = product or str(new_product(ctx, name, active=False, hidden=True)["id"])
    return ctx.insert(
        "price",
        {
            "active": False,
            "billing_scheme": "per_unit",
            "created": ctx.now,
            "currency": currency,
            "custom_unit_amount": None,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": product,
            "recurring": None,
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "one_time",
            **amounts(unit_amount),
            "_hidden": True,
        },
    )


def _custom(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if given is None else {name: given.get(name) for name in ("maximum", "minimum", "preset")}


def _recurring(given: Mapping[str, Any]) -> dict[str, Any]:
    """How often: at least every three years [SDK; text K]."""
    if not 1 <= given.get("interval_count", 1) <= MAX_INTERVALS[given["interval"]]:
        raise bad_request("The interval must be between one and three years.", param="recurring[interval_count]")
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": given.get("meter"),
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


def _tiers(params: Mapping[str, Any], path: str = "") -> list[dict[str, Any]] | None:
    given: list[dict[str, Any]] | None = params.get("tiers")
    return given and [_tier(tier, f"{below(path, 'tiers')}[{index}]") for index, tier in enumerate(given)]


def _tier(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A tier as it is shown: the last has no bound [SDK]."""
    for name in ("flat_amount", "unit_amount"):
        only_one(given, name, f"{name}_decimal", path=path)  # [SDK]
    return {
        **amounts(_amount(given, "flat_amount", path), "flat_amount"),
        **amounts(_amount(given, "unit_amount", path)),
        "up_to": None if given["up_to"] == "inf" else given["up_to"],
    }


def _currency_options(given: Mapping[str, Mapping[str, Any]] | None) -> dict[str, dict[str, Any]] | None:
    return None if given is None else {code: _option(code, option) for code, option in given.items()}


def _option(code: str, given: Mapping[str, Any]) -> dict[str, Any]:
    path = f"currency_options[{code}]"
    only_one(given, *_AMOUNTS, path=path)
    tiers = _tiers(given, path)
    return {
        "custom_unit_amount": _custom(given.get("custom_unit_amount")),
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        **({"tiers": tiers} if tiers else {}),
        **amounts(_amount(given, "unit_amount", path)),
    }


def _amount(params: Mapping[str, Any], name: str, path: str = "") -> Decimal | None:
    """An amount in one of its two spellings, not below nothing [SDK; a tier's K]."""
    given = params.get(name, params.get(f"{name}_decimal"))
    if given is None:
        return None
    if given < 0:
        raise bad_request("Invalid non-negative integer", code="parameter_invalid_integer", param=below(path, name))
    return Decimal(given)


def amounts(amount: Decimal | None, name: str = "unit_amount") -> dict[str, Any]:
    """Both spellings of an amount; the integer is None where it would not be exact."""
    if amount is None:
        return {name: None, f"{name}_decimal": None}
    whole = int(amount) if amount == amount.to_integral_value() else None
    return {name: whole, f"{name}_decimal": decimal_text(amount)}


def decimal_text(number: Decimal) -> str:
    """A decimal as Stripe writes it: no exponent, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lookup_key(ctx: Context, params: Mapping[str, Any], own: Row | None = None) -> str | None:
    key = params.get("lookup_key")
    if key is None:
        return None
    for holder in ctx.select("price", "lookup_key", key):
        if holder is own:
            continue
        if not params.get("transfer_lookup_key"):  # [SDK]
            raise bad_request(
                f"A price (`{holder['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        ctx.change(holder, lookup_key=None)
        ctx.record("price.updated", holder)
    return str(key)


def update_price(ctx: Context) -> Row:
    params = ctx.params
    row = target(ctx, "price", "price")
    fields = chosen(params, "active", "nickname")
    if "lookup_key" in params:
        fields["lookup_key"] = _lookup_key(ctx, params, row)
    if "tax_behavior" in params:
        if row["tax_behavior"] not in ("unspecified", params["tax_behavior"]):  # [SDK]
            raise bad_request("You cannot change `tax_behavior` once it has been set.", param="tax_behavior")
        fields["tax_behavior"] = params["tax_behavior"]
    if "currency_options" in params:
        fields["_currency_options"] = _currency_options(params["currency_options"])
    apply_metadata(ctx, row, fields)
    ctx.change(row, **fields)
    ctx.record("price.updated", row)
    return row


def list_prices(ctx: Context) -> Page:
    params = ctx.params
    keys, recurring = params.get("lookup_keys"), params.get("recurring")
    active = params.get("active", True)  # active ones only, unless asked [SDK]

    def where(row: Row) -> bool:
        if row["active"] != active or (keys and row["lookup_key"] not in keys):
            return False
        if recurring is None:
            return True
        own: Row = row["recurring"] or {}
        return all(own.get(name) == value for name, value in recurring.items())

    by = "product" if "product" in params else None
    return page(
        ctx,
        "price",
        {name: equals(name) for name in ("currency", "product", "type")} | {"created": within("created")},
        index=by,
        value=params.get("product"),
        where=where,
    )
