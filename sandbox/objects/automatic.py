"""What Stripe does by itself: invoices that advance, debits that settle, authorizations that expire, payouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Refusal
from prefect_stripe.sandbox.objects import balance, charging, disputes, invoice_actions, payouts
from prefect_stripe.sandbox.objects.payment_methods import behaviour
from prefect_stripe.sandbox.rows import Row


def finalize_invoice(ctx: Context, invoice: Row) -> None:
    """An hour after its creation, an invoice that advances is finalized, and charged if that is how it is collected."""
    at = invoice["automatically_finalizes_at"]
    if invoice["status"] != "draft" or at is None or at > ctx.now:
        return
    invoice_actions.finalize(ctx, invoice)
    collect_invoice(ctx, invoice)


def collect_invoice(ctx: Context, invoice: Row) -> None:
    ctx.change(invoice, next_payment_attempt=None)
    if invoice["status"] != "open" or not invoice["auto_advance"]:
        return
    if invoice["collection_method"] == "send_invoice":
        ctx.record("invoice.sent", invoice, invoice["total"])
        return
    customer = ctx.get("customer", invoice["customer"])
    method = invoice_actions.default_method(ctx, invoice, customer) if customer else None
    if method is not None:
        invoice_actions.collect(ctx, invoice, method)


def settle_debit(ctx: Context, charge: Row) -> None:
    """A bank debit's outcome, days after it was asked for."""
    intent = ctx.get("payment_intent", charge["payment_intent"])
    method = ctx.get("payment_method", charge["payment_method"])
    if intent is None or method is None or intent["status"] != "processing":
        return
    known = behaviour(method)
    invoice = ctx.get("invoice", intent.get("_invoice"))
    if known.code:
        charging.decline(ctx, intent, method, known, charge)
        if invoice is not None:
            ctx.record("invoice.payment_failed", invoice, invoice["amount_due"])
        return
    ctx.change(charge, status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
    charging.succeed(ctx, intent, charge)
    invoice_actions.intent_succeeded(ctx, intent)


def settle_charge(ctx: Context, charge: Row) -> None:
    """The balance transaction of a charge that was captured asynchronously."""
    if charge["balance_transaction"] is None:
        balance.settle(ctx, charge)


def expire_authorization(ctx: Context, intent: Row) -> None:
    """What has not been captured after seven days is released [SDK]."""
    if intent["status"] == "requires_capture":
        charging.release(ctx, intent, "automatic")


def open_dispute(ctx: Context, charge: Row) -> None:
    disputes.open_dispute(ctx, charge)


TABLE: Final[Mapping[str, tuple[str, Callable[[Context, Row], None]]]] = {
    "finalize_invoice": ("invoice", finalize_invoice),
    "collect_invoice": ("invoice", collect_invoice),
    "settle_debit": ("charge", settle_debit),
    "settle_charge": ("charge", settle_charge),
    "expire_authorization": ("payment_intent", expire_authorization),
    "make_available": ("balance_transaction", payouts.make_available),
    "arrive": ("payout", payouts.arrive),
    "open_dispute": ("charge", open_dispute),
}
"""By name: the type of the object it happens to, and what happens."""


def run(ctx: Context, kind: str, id: str) -> None:
    """Do one thing that is due. Nobody is there to be told of a refusal."""
    object, happen = TABLE[kind]
    row = ctx.get(object, id)
    if row is None:
        return
    try:
        happen(ctx, row)
    except Refusal as refusal:
        if not refusal.commits:
            ctx.rollback()
    ctx.commit()
