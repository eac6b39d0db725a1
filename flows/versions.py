"""What was invoiced beside what is ordered, in words, for whoever has to find the difference."""

from __future__ import annotations

from typing import Any, Final

from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.money import format_amount

TOLD_LINES: Final = 10
"""How many lines of an invoice a message lists."""


def versions(invoice: dict[str, Any], order: InvoiceOrder) -> str:
    """Show what is invoiced beside what is ordered, and say what can be done about it."""
    return f"Invoiced: {_invoiced(invoice)}. Ordered now: {_ordered(order)}. {_way_out(invoice)}"


def _way_out(invoice: dict[str, Any]) -> str:
    if invoice["status"] == "paid":
        return "It is paid, and stays as it is: bill only what is new, under another external_id"
    return "Void the invoice, and then allow a reissue (max_reissues) or use another external_id"


def _invoiced(invoice: dict[str, Any]) -> str:
    lines = invoice["lines"]
    told = [f"{line.get('description')} x {line.get('quantity')} = {line['amount']}" for line in lines["data"]]
    few = _few(told, more=bool(lines.get("has_more")))
    return f"{_amount(invoice['total'], invoice['currency'])}, {invoice['collection_method']}, {few}"


def _ordered(order: InvoiceOrder) -> str:
    told = [
        f"{line.description or line.price} x {line.quantity}"
        + (f" = {line.unit_amount * line.quantity}" if line.unit_amount is not None else "")
        for line in order.final_lines
    ]
    total = order.known_total if order.total is None else order.total
    told_total = f"a total by its prices in {order.currency}" if total is None else _amount(total, order.currency)
    return f"{told_total}, {order.collection_method}, {_few(told)}"


def _amount(amount: int, currency: str) -> str:
    return f"{format_amount(amount, currency)} ({amount})"


def _few(lines: list[str], *, more: bool = False) -> str:
    return "; ".join(lines[:TOLD_LINES]) + ("; and more" if more or len(lines) > TOLD_LINES else "")
