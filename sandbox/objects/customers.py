"""Customers."""

from __future__ import annotations

import re
from typing import Any

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects import payment_methods, totals
from prefect_stripe.sandbox.objects.common import (
    address,
    apply_metadata,
    chosen,
    merged,
    new_metadata,
    refuse_not_simulated,
    target,
)
from prefect_stripe.sandbox.paging import equals, page, within
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import invoice_prefix

_INVOICE_SETTINGS = ("custom_fields", "default_payment_method", "footer", "rendering_options")
_SHIPPING = ("address", "carrier", "name", "phone", "tracking_number")
_PLAIN = ("business_name", "description", "email", "individual_name", "name", "phone")


def create_customer(ctx: Context) -> Row:
    params = ctx.params
    refuse_not_simulated(params)
    row = ctx.insert(
        "customer",
        {
            "address": address(params.get("address")),
            "balance": params.get("balance", 0),
            "business_name": None,
            "created": ctx.now,
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": None,
            "individual_name": None,
            "invoice_prefix": _prefix(params.get("invoice_prefix")) or invoice_prefix(),
            "invoice_settings": dict.fromkeys(_INVOICE_SETTINGS),
            "metadata": new_metadata(params),
            "name": None,
            "next_invoice_sequence": params.get("next_invoice_sequence", 1),
            "phone": None,
            "preferred_locales": params.get("preferred_locales") or [],
            "shipping": None,
            "tax_exempt": params.get("tax_exempt") or "none",
            "test_clock": None,
            "_tax": _tax(params),
        },
    )
    if "payment_method" in params:
        payment_methods.attach(ctx, params["payment_method"], row, "payment_method")
    ctx.change(row, **chosen(params, *_PLAIN), **_hashes(ctx, row))
    ctx.record("customer.created", row)
    return row


def update_customer(ctx: Context) -> Row:
    params = ctx.params
    refuse_not_simulated(params)
    row = target(ctx, "customer", "customer")
    fields = chosen(params, *_PLAIN, "next_invoice_sequence") | _hashes(ctx, row)
    if "address" in params:
        fields["address"] = address({**(row["address"] or {}), **params["address"]} if params["address"] else None)
    if "invoice_prefix" in params:
        fields["invoice_prefix"] = _prefix(params["invoice_prefix"])
    if "preferred_locales" in params:
        fields["preferred_locales"] = params["preferred_locales"] or []
    if "tax_exempt" in params:
        fields["tax_exempt"] = params["tax_exempt"] or "none"
    if "tax" in params:
        fields["_tax"] = _tax(params)
    apply_metadata(ctx, row, fields)
    ctx.change(row, **fields)
    if "balance" in params:
        totals.set_balance(ctx, row, params["balance"])
    ctx.record("customer.updated", row)
    return row


def retrieve_customer(ctx: Context) -> Row:
    row = ctx.get("customer", ctx.ids["customer"])
    if row is not None and row.get("_gone"):
        return deleted_stub(row)  # [K]
    return target(ctx, "customer", "customer")


def delete_customer(ctx: Context) -> Row:
    row = target(ctx, "customer", "customer")
    for method in ctx.select("payment_method", "customer", row["id"]):
        payment_methods.detach(ctx, method)
    for subscription in ctx.select("subscription", "customer", row["id"]):  # at once [SDK]
        ctx.change(subscription, status="canceled", canceled_at=ctx.now, ended_at=ctx.now)
        ctx.record("customer.subscription.deleted", subscription)
    ctx.change(row, _gone=True)
    ctx.record("customer.deleted", row)
    return deleted_stub(row)


def list_customers(ctx: Context) -> Page:
    by_email = "email" in ctx.params
    return page(
        ctx,
        "customer",
        {"email": equals("email"), "created": within("created")},
        index="email" if by_email else None,
        value=ctx.params.get("email"),
    )


def deleted_stub(row: Row) -> Row:
    return {"id": row["id"], "object": row["object"], "deleted": True}


def _hashes(ctx: Context, row: Row) -> dict[str, Any]:
    params, fields = ctx.params, dict[str, Any]()
    if "shipping" in params:
        given: Row | None = params["shipping"]
        fields["shipping"] = given and {**dict.fromkeys(_SHIPPING), **given, "address": address(given.get("address"))}
    if "cash_balance" in params:
        mode = params["cash_balance"].get("settings", {}).get("reconciliation_mode", "automatic")
        fields["_reconciliation"] = "manual" if mode == "manual" else "automatic"
    if "invoice_settings" in params:
        settings = params["invoice_settings"]
        method = settings.get("default_payment_method")
        if method is not None:
            payment_methods.owned(ctx, method, row, "invoice_settings[default_payment_method]")
        fields["invoice_settings"] = merged(row["invoice_settings"], settings, _INVOICE_SETTINGS)
    return fields


def _prefix(given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"[A-Z0-9]{1,12}", given):  # [SDK]
        raise bad_request(
            "Invalid invoice prefix: must be 1 to 12 uppercase letters or numbers.", param="invoice_prefix"
        )
    return given


def _tax(params: dict[str, Any]) -> dict[str, Any]:
    given: Row = params.get("tax") or {}
    return {
        "automatic_tax": "not_collecting",
        "ip_address": given.get("ip_address"),
        "location": None,
        "provider": "stripe",
    }
