"""Invoices while they are drafts, and what can be asked of them at any time."""

from __future__ import annotations

import re
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request, missing_parameter
from prefect_stripe.sandbox.objects import invoice_items, payment_methods, totals
from prefect_stripe.sandbox.objects.common import (
    apply_metadata,
    chosen,
    listing,
    new_metadata,
    refuse_not_simulated,
    target,
)
from prefect_stripe.sandbox.objects.customers import deleted_stub
from prefect_stripe.sandbox.paging import equals, within
from prefect_stripe.sandbox.rows import Row

DAY: Final = 86400
MAX_AHEAD: Final = 5 * 366 * DAY  # [SDK]
_PLAIN: Final = ("custom_fields", "description", "footer", "shipping_details", "statement_descriptor")
# [PROBE: metadata; SDK: auto_advance; K: default_payment_method]; all else is refused, as the strictest reading.
_AFTER_FINALIZING: Final = frozenset({"auto_advance", "default_payment_method", "expand", "metadata"})


def create_invoice(ctx: Context) -> Row:
    """A draft; pending items stay where they are unless they are asked for [SDK]. It needs a customer [K]."""
    params = ctx.params
    refuse_not_simulated(params)
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = ctx.find("customer", params["customer"], "customer")
    currency = params.get("currency") or customer["currency"] or ctx.account.settings["currency"]
    row = new_invoice(ctx, customer, currency)
    ctx.change(row, **_collection(ctx, row, customer, sent=True), **_settings(ctx, row, customer))
    if params.get("pending_invoice_items_behavior") == "include":
        _sweep(ctx, row, customer)
    totals.recalculate(ctx, row)
    ctx.record("invoice.created", row, row["total"])
    return row


def new_invoice(ctx: Context, customer: Row, currency: str, **fields: Any) -> Row:
    """An empty draft, with every field that the SDK's type requires, and `auto_advance` off [SDK]."""
    return ctx.insert(
        "invoice",
        {
            "account_country": ctx.account.settings["country"],
            "account_name": ctx.account.settings["name"],
            "account_tax_ids": None,
            "amount_due": 0,
            "amount_overpaid": 0,
            "amount_paid": 0,
            "amount_paid_off_stripe": 0,
            "amount_remaining": 0,
            "amount_shipping": 0,
            "application": None,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": False,
            "automatic_tax": dict.fromkeys(("disabled_reason", "liability", "provider", "status")) | {"enabled": False},
            "automatically_finalizes_at": None,
            "billing_reason": "manual",
            "collection_method": "charge_automatically",
            "created": ctx.now,
            "currency": currency,
            "custom_fields": None,
            "customer": customer["id"],
            "customer_account": None,
            **customer_details(customer),
            "default_payment_method": None,
            "default_source": None,
            "default_tax_rates": [],
            "description": None,
            "discounts": [],
            "due_date": None,
            "effective_at": None,
            "ending_balance": None,
            "footer": customer["invoice_settings"]["footer"],
            "from_invoice": None,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "issuer": {"account": None, "type": "self"},
            "last_finalization_error": None,
            "latest_revision": None,
            "metadata": {},
            "next_payment_attempt": None,
            "number": None,
            "on_behalf_of": None,
            "parent": None,
            "payment_settings": dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types")),
            "period_end": ctx.now,
            "period_start": ctx.now,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "receipt_number": None,
            "rendering": None,
            "shipping_cost": None,
            "shipping_details": None,
            "starting_balance": 0,
            "statement_descriptor": None,
            "status": "draft",
            "status_details": None,
            "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
            "subtotal": 0,
            "subtotal_excluding_tax": 0,
            "test_clock": None,
            "threshold_reason": None,
            "total": 0,
            "total_discount_amounts": [],
            "total_excluding_tax": 0,
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "webhooks_delivered_at": ctx.now,
            **fields,
        },
    )


def customer_details(customer: Row) -> dict[str, Any]:
    """What an invoice copies of its customer, for good once it is finalized."""
    copied = {f"customer_{name}": customer[name] for name in ("address", "email", "name", "phone", "shipping")}
    return copied | {"customer_tax_exempt": customer["tax_exempt"], "customer_tax_ids": []}


def _collection(ctx: Context, row: Row, customer: Row, *, sent: bool) -> dict[str, Any]:
    """How and when an invoice is collected [PROBE]."""
    params = ctx.params
    method = params.get("collection_method", row["collection_method"])
    days, due = params.get("days_until_due"), params.get("due_date")
    if method == "charge_automatically":
        if days is not None or due is not None:
            raise bad_request(
                "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
            )
        return {"collection_method": method, "due_date": None}
    if days is not None and due is not None:
        raise bad_request("You can only specify one of 'due_date' or 'days_until_due'.", param="due_date")  # [K]
    if days is None and due is None and (sent or row["due_date"] is None):
        raise bad_request(
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'."
        )
    if days is not None and days < 0:
        raise bad_request("Invalid non-negative integer", code="parameter_invalid_integer", param="days_until_due")
    if due is not None and due < ctx.now:  # [K]
        raise bad_request("Invalid timestamp: due_date must be in the future.", param="due_date")
    needs_email(customer)
    date = due if due is not None else row["created"] + days * DAY if days is not None else row["due_date"]
    return {"collection_method": method, "due_date": date}


def needs_email(customer: Row) -> None:
    if not customer["email"]:  # [3P: the message]
        raise bad_request(
            "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid "
            "email."
        )


def _settings(ctx: Context, row: Row, customer: Row) -> dict[str, Any]:
    """What can be said of a draft [SDK]; automatic tax is not simulated [own]."""
    params = ctx.params
    fields = chosen(params, *_PLAIN)
    if "effective_at" in params:
        fields["effective_at"] = params["effective_at"]
    if "number" in params:
        fields["number"] = _number(ctx, row, params["number"])
    if "rendering" in params:
        given: Row = params["rendering"] or {}
        names = ("amount_tax_display", "pdf", "template", "template_version")
        fields["rendering"] = {name: given.get(name) for name in names}
    if "payment_settings" in params:
        fields["payment_settings"] = {**row["payment_settings"], **params["payment_settings"]}
    if "default_payment_method" in params:
        id = params["default_payment_method"]
        if id is not None:
            payment_methods.owned(ctx, id, customer, "default_payment_method")
        fields["default_payment_method"] = id
    if "metadata" in params and row["metadata"] == {}:
        fields["metadata"] = new_metadata(params)
    else:
        apply_metadata(ctx, row, fields)
    return fields | _automation(ctx, row)


def _automation(ctx: Context, row: Row) -> dict[str, Any]:
    """What `auto_advance` schedules: finalizing an hour after creation, and the charge with it [PROBE]."""
    params = ctx.params
    if "auto_advance" not in params and "automatically_finalizes_at" not in params:
        return {}
    advance = params.get("auto_advance", row["auto_advance"] or "automatically_finalizes_at" in params)
    if not advance or row["status"] != "draft":
        return {"auto_advance": advance, "automatically_finalizes_at": None, "next_payment_attempt": None}
    automatic = params.get("collection_method", row["collection_method"]) == "charge_automatically"
    at = params.get("automatically_finalizes_at")
    if at is not None and at > ctx.now + MAX_AHEAD:  # [SDK; text K]
        raise bad_request(
            "An invoice can be scheduled to finalize up to five years ahead.", param="automatically_finalizes_at"
        )
    ctx.schedule(at or row["created"] + 3601, "finalize_invoice", row["id"])
    return {
        "auto_advance": True,
        "automatically_finalizes_at": at or row["created"] + 3601,
        "next_payment_attempt": (at or row["created"] + 3600) if automatic else None,
    }


def _number(ctx: Context, row: Row, number: str | None) -> str | None:
    if number is None:
        return None
    if not re.fullmatch(r"[\w\-./ ]{1,26}", number, re.ASCII):  # [K]
        raise bad_request("Invalid invoice number.", param="number")
    if any(other is not row for other in ctx.select("invoice", "number", number)):
        raise bad_request(f"An invoice with the number {number} already exists.", param="number")  # [K]
    return number


def _sweep(ctx: Context, row: Row, customer: Row) -> None:
    """Put all of the customer's pending items on the invoice, newest first, whatever their period [PROBE, SDK]."""
    items = ctx.select("invoiceitem", "pending", customer["id"])
    if not items:
        raise bad_request("Nothing to invoice for customer", code="invoice_no_customer_line_items")
    for item in reversed(items):
        if item["currency"] != row["currency"]:
            continue
        invoice_items.room(ctx, row)
        ctx.change(item, invoice=row["id"])
        invoice_items.put_line(ctx, item)


def update_invoice(ctx: Context) -> Row:
    params = ctx.params
    row = target(ctx, "invoice", "id")
    if row["status"] != "draft":
        refused = next((name for name in params if name not in _AFTER_FINALIZING), None)
        if refused:  # [PROBE]
            raise bad_request("Finalized invoices can't be updated in this way", param=refused)
    refuse_not_simulated(params)
    customer = ctx.get("customer", row["customer"])
    assert customer is not None  # rows of deleted customers stay
    if row["status"] == "draft":
        ctx.change(row, **_collection(ctx, row, customer, sent=False))
    ctx.change(row, **_settings(ctx, row, customer))
    if row["status"] == "draft":
        totals.recalculate(ctx, row)
    ctx.record("invoice.updated", row, row["total"])
    return row


def delete_invoice(ctx: Context) -> Row:
    row = target(ctx, "invoice", "invoice")
    if row["status"] != "draft":
        raise bad_request("You can only delete draft invoices.")  # [PROBE]
    for line in ctx.select("line_item", "invoice", row["id"]):
        ctx.delete(line)
    # Its items stay on the dead invoice, and refuse edits [PROBE].
    ctx.delete(row)
    ctx.record("invoice.deleted", row, row["total"])
    return deleted_stub(row)


def _of_subscription(row: Row, wanted: str) -> bool:
    return bool(row["parent"] and row["parent"]["subscription_details"]["subscription"] == wanted)


list_invoices = listing(
    "invoice",
    {name: equals(name) for name in ("collection_method", "customer", "status")}
    | {
        "created": within("created"),
        "due_date": within("due_date"),
        "subscription": _of_subscription,
    },
    index="customer",
    parents={"customer": "customer", "subscription": "subscription"},
)
