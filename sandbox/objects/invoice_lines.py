"""Lines of an invoice: listed always, changed while it is a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request, missing_parameter, no_such
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects import invoice_items, totals
from prefect_stripe.sandbox.objects.common import apply_metadata, target
from prefect_stripe.sandbox.paging import page
from prefect_stripe.sandbox.rows import Row


def list_invoice_line_items(ctx: Context) -> Page:
    invoice = target(ctx, "invoice", "invoice")
    return page(ctx, "line_item", index="invoice", value=invoice["id"], oldest_first=True)


def update_invoice_line(ctx: Context) -> Row:
    invoice = target(ctx, "invoice", "invoice")
    invoice_items.editable(invoice)
    line = _line(ctx, invoice, ctx.ids["line_item_id"], "line_item_id", 404)
    _change(ctx, line, ctx.params, "")
    return line


def update_invoice_lines(ctx: Context) -> Row:
    invoice = _draft(ctx)
    for index, given in enumerate(ctx.params["lines"]):
        path = f"lines[{index}]"
        _change(ctx, _line(ctx, invoice, given["id"], f"{path}[id]"), given, path)
    return _done(ctx, invoice)


def add_invoice_lines(ctx: Context) -> Row:
    invoice = _draft(ctx)
    customer = ctx.find("customer", invoice["customer"], "customer")
    for index, given in enumerate(ctx.params["lines"]):
        path = f"lines[{index}]"
        if "invoice_item" in given:
            _assign(ctx, invoice, given["invoice_item"], f"{path}[invoice_item]")
        else:
            invoice_items.new_item(ctx, given, customer, invoice, path)
    return _done(ctx, invoice)


def remove_invoice_lines(ctx: Context) -> Row:
    invoice = _draft(ctx)
    for index, given in enumerate(ctx.params["lines"]):
        line = _line(ctx, invoice, given["id"], f"lines[{index}][id]")
        item = ctx.find("invoiceitem", line["_invoiceitem"], f"lines[{index}][id]")
        if given["behavior"] == "delete":
            invoice_items.drop_item(ctx, item)
        else:
            ctx.delete(line)
            ctx.change(item, invoice=None)
            ctx.record("invoiceitem.updated", item, item["amount"])
    return _done(ctx, invoice)


def _draft(ctx: Context) -> Row:
    """An invoice that can still be edited [PROBE], and something to do to it [SDK]."""
    invoice = target(ctx, "invoice", "invoice")
    invoice_items.editable(invoice)
    if not ctx.params["lines"]:
        raise missing_parameter("lines")
    return invoice


def _done(ctx: Context, invoice: Row) -> Row:
    fields: dict[str, Any] = {}
    apply_metadata(ctx, invoice, fields, "invoice_metadata")
    ctx.change(invoice, **fields)
    totals.recalculate(ctx, invoice)
    ctx.record("invoice.updated", invoice, invoice["total"])
    return invoice


def _line(ctx: Context, invoice: Row, id: str, param: str, status: int = 400) -> Row:
    line = ctx.get("line_item", id)
    if line is None or line["invoice"] != invoice["id"]:
        raise no_such("line_item", id, param, status=status)
    return line


def _change(ctx: Context, line: Row, given: Mapping[str, Any], path: str) -> None:
    item = ctx.find("invoiceitem", line["_invoiceitem"], "id")
    invoice_items.change_item(ctx, item, given, path)


def _assign(ctx: Context, invoice: Row, id: str, param: str) -> None:
    item = ctx.find("invoiceitem", id, param)
    if item["invoice"] is not None or item["customer"] != invoice["customer"]:
        raise bad_request(f"The invoice item {id} cannot be added to this invoice.", param=param)  # [K]
    invoice_items.must_match(item["currency"], invoice, param)
    invoice_items.room(ctx, invoice)
    ctx.change(item, invoice=invoice["id"])
    invoice_items.put_line(ctx, item)
