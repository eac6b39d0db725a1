"""What moves an invoice on: finalize, send, pay, void, mark uncollectible.

Stripe's page "How invoices work"; the table in section 3 of the facts, with the texts as probed.
"""

from __future__ import annotations

from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Refusal, bad_request, card_error
from prefect_stripe.sandbox.expand import render
from prefect_stripe.sandbox.objects import charging, payment_methods, totals
from prefect_stripe.sandbox.objects.common import refuse_not_simulated, target
from prefect_stripe.sandbox.objects.invoices import customer_details, needs_email
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import new_id, secret_letters

COLLECT_AFTER: Final = 3600  # [PROBE, DOC]
_NOT_OPEN: Final = "You can only pass in open invoices. This invoice isn't open."  # [PROBE]


def finalize_invoice(ctx: Context) -> Row:
    invoice = target(ctx, "invoice", "id")
    if invoice["status"] != "draft":  # [PROBE: no code]
        raise bad_request("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    finalize(ctx, invoice)
    if "auto_advance" in ctx.params:
        ctx.change(invoice, auto_advance=ctx.params["auto_advance"])
    if invoice["auto_advance"] and invoice["amount_due"]:
        if invoice["collection_method"] == "charge_automatically":
            ctx.change(invoice, next_payment_attempt=ctx.now + COLLECT_AFTER)
        ctx.schedule(ctx.now + COLLECT_AFTER, "collect_invoice", invoice["id"])
    return invoice


def finalize(ctx: Context, invoice: Row) -> None:
    """Draft to open, or to paid where nothing is due. Nothing is charged yet [PROBE]."""
    customer = ctx.find("customer", invoice["customer"], "customer")
    if invoice["collection_method"] == "send_invoice":
        needs_email(customer)
    totals.recalculate(ctx, invoice)
    due = invoice["amount_due"]
    number = invoice["number"]
    if number is None:
        number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
        ctx.change(customer, next_invoice_sequence=customer["next_invoice_sequence"] + 1)
    page = f"https://invoice.stripe.com/i/{ctx.account.id}/{'live' if ctx.livemode else 'test'}_{secret_letters()}"
    ctx.change(
        invoice,
        status="open",
        number=number,
        effective_at=invoice["effective_at"] or ctx.now,
        ending_balance=invoice["_ending_balance"],
        hosted_invoice_url=f"{page}?s=ap",
        invoice_pdf=f"{page.replace('invoice.stripe.com/i', 'pay.stripe.com/invoice')}/pdf?s=ap",
        automatically_finalizes_at=None,
        **customer_details(customer),
    )
    if invoice["_ending_balance"] != customer["balance"] and _has_balance(invoice, customer):
        totals.set_balance(ctx, customer, invoice["_ending_balance"])
    _transition(ctx, invoice, "finalized_at")
    if due:
        _request_payment(ctx, invoice)
    ctx.record("invoice.finalized", invoice, invoice["total"])
    if not due:
        ctx.change(invoice, attempted=True)
        _paid(ctx, invoice)


def _has_balance(invoice: Row, customer: Row) -> bool:
    return bool(customer["currency"] in (None, invoice["currency"]))


def _transition(ctx: Context, invoice: Row, name: str) -> None:
    ctx.change(invoice, status_transitions={**invoice["status_transitions"], name: ctx.now})


def _request_payment(ctx: Context, invoice: Row) -> None:
    """The payment intent of an invoice, and the invoice payment that joins the two [SDK]."""
    charging.check_amount(invoice["amount_due"], invoice["currency"])
    intent = charging.new_intent(
        ctx,
        invoice["amount_due"],
        invoice["currency"],
        customer=invoice["customer"],
        description=invoice["description"] or f"Payment for Invoice {invoice['number']}",
        _invoice=invoice["id"],
    )
    _invoice_payment(ctx, invoice, "payment_intent", intent["id"])
    ctx.record("payment_intent.created", intent, intent["amount"])


def _invoice_payment(ctx: Context, invoice: Row, type: str, id: str, **fields: Any) -> Row:
    return ctx.insert(
        "invoice_payment",
        {
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": ctx.now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "payment": {"type": type, type: id},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
            **fields,
        },
    )


def open_payment(ctx: Context, invoice: Row) -> Row | None:
    """The invoice payment that is still to be made."""
    for payment in ctx.select("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] == "open":
            return payment
    return None


def _intent(ctx: Context, payment: Row | None) -> Row | None:
    return ctx.get("payment_intent", payment["payment"].get("payment_intent")) if payment else None


def _paid(ctx: Context, invoice: Row) -> None:
    ctx.change(
        invoice,
        status="paid",
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        next_payment_attempt=None,
    )
    _transition(ctx, invoice, "paid_at")
    ctx.record("invoice.paid", invoice, invoice["amount_due"])


def send_invoice(ctx: Context) -> Row:
    invoice = target(ctx, "invoice", "invoice")
    if invoice["collection_method"] != "send_invoice":  # [K]
        raise bad_request("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] not in ("draft", "open"):  # a paid one [PROBE, against SDK]; the others [K: strictest]
        raise bad_request(
            "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact for "
            "assistance."
        )
    if invoice["status"] == "draft":
        finalize(ctx, invoice)  # [PROBE]
    ctx.record("invoice.sent", invoice, invoice["total"])
    return invoice


def pay_invoice(ctx: Context) -> Row:
    invoice, params = target(ctx, "invoice", "id"), ctx.params
    refuse_not_simulated(params)
    if params.get("forgive"):  # [own]
        raise bad_request("The sandbox does not simulate `forgive`.", param="forgive")
    if invoice["status"] == "paid":
        raise bad_request("Invoice is already paid")  # [PROBE]
    if invoice["status"] == "void":
        raise bad_request("You cannot pay an invoice that has been voided.")  # [K]
    customer = ctx.find("customer", invoice["customer"], "customer")
    if params.get("paid_out_of_band") and params.get("payment_method"):
        raise bad_request("You cannot pass `payment_method` with `paid_out_of_band`.", param="payment_method")  # [K]
    given = params.get("payment_method")
    method = payment_methods.owned(ctx, given, customer, "payment_method") if given else None
    if invoice["status"] == "draft":
        finalize(ctx, invoice)  # finalizes and collects in one call [PROBE, SDK]
    if not invoice["amount_due"]:
        return invoice
    if params.get("paid_out_of_band"):
        _paid_elsewhere(ctx, invoice)
        return invoice
    method = method or default_method(ctx, invoice, customer)
    if method is None:  # [K]
        raise Refusal(
            400,
            {
                "type": "invalid_request_error",
                "code": "missing",
                "message": "There is no `default_payment_method` set on this Customer or Invoice.",
            },
            saved=True,
            commits=True,  # a draft has been finalized all the same
        )
    collect(ctx, invoice, method)
    return invoice


def default_method(ctx: Context, invoice: Row, customer: Row) -> Row | None:
    settings = customer["invoice_settings"]
    return ctx.get("payment_method", invoice["default_payment_method"] or settings["default_payment_method"])


def collect(ctx: Context, invoice: Row, method: Row) -> None:
    """Charge the invoice's payment intent. A card that wants 3-D Secure leaves it to the customer [K].

    Raises:
        Refusal: The payment was declined or needs the customer; what the attempt did stays done [DOC].
    """
    payment = open_payment(ctx, invoice)
    intent = _intent(ctx, payment)
    if payment is None or intent is None:
        raise bad_request("This invoice has no payment that could be collected.")
    if intent["status"] == "processing":
        raise bad_request("This invoice has a payment in progress.")  # [K]
    # Only the first manual attempt counts [SDK: attempt_count].
    ctx.change(invoice, attempted=True, attempt_count=max(invoice["attempt_count"], 1))
    outcome = charging.attempt(ctx, intent, method, off_session=False)
    if outcome.status == "succeeded":
        intent_succeeded(ctx, intent)
        return
    if outcome.status == "processing":
        return
    if outcome.error is not None:
        ctx.record("invoice.payment_failed", invoice, invoice["amount_due"])
        raise outcome.error
    ctx.record("invoice.payment_action_required", invoice, invoice["amount_due"])
    raise card_error(
        "This payment requires additional user action before it can be completed successfully. Payment can be "
        "completed using the PaymentIntent associated with this invoice.",
        "invoice_payment_intent_requires_action",
        payment_intent=render(ctx.account, intent, []),
    )


def intent_succeeded(ctx: Context, intent: Row) -> None:
    """The invoice that a payment intent is for, if it is for one, is paid."""
    invoice = ctx.get("invoice", intent.get("_invoice"))
    payment = open_payment(ctx, invoice) if invoice is not None else None
    if invoice is None or payment is None:
        return
    ctx.change(
        payment,
        status="paid",
        amount_paid=payment["amount_requested"],
        status_transitions={"canceled_at": None, "paid_at": ctx.now},
    )
    ctx.record("invoice_payment.paid", payment, payment["amount_paid"])
    _paid(ctx, invoice)
    ctx.record("invoice.payment_succeeded", invoice, invoice["amount_paid"])


def _paid_elsewhere(ctx: Context, invoice: Row) -> None:
    """Out of band: no charge, a payment record, and `attempted` stays as it was [PROBE, DOC]."""
    _cancel_payment(ctx, invoice, "automatic")
    payment = _invoice_payment(
        ctx,
        invoice,
        "payment_record",
        new_id("payment_record"),
        status="paid",
        amount_paid=invoice["amount_due"],
        status_transitions={"canceled_at": None, "paid_at": ctx.now},
    )
    ctx.change(invoice, amount_paid_off_stripe=invoice["amount_due"])
    ctx.record("invoice_payment.paid", payment, payment["amount_paid"])
    _paid(ctx, invoice)


def _cancel_payment(ctx: Context, invoice: Row, reason: str) -> None:
    payment = open_payment(ctx, invoice)
    if payment is None:
        return
    ctx.change(
        payment,
        status="canceled",
        is_default=False,
        status_transitions={"canceled_at": ctx.now, "paid_at": None},
    )
    intent = _intent(ctx, payment)
    if intent is not None:
        charging.release(ctx, intent, reason)


def void_invoice(ctx: Context) -> Row:
    invoice = target(ctx, "invoice", "id")
    if invoice["status"] == "paid":
        raise bad_request("Invoices with `paid` payments cannot be voided.")  # [PROBE]
    if invoice["status"] != "open":  # uncollectible too: docs and probe differ [K: strictest reading]
        raise bad_request(_NOT_OPEN)
    _refuse_in_progress(ctx, invoice)
    _cancel_payment(ctx, invoice, "void_invoice")
    ctx.change(invoice, status="void", amount_remaining=invoice["amount_due"], next_payment_attempt=None)
    _transition(ctx, invoice, "voided_at")
    ctx.record("invoice.voided", invoice, invoice["amount_due"])
    return invoice


def _refuse_in_progress(ctx: Context, invoice: Row) -> None:
    intent = _intent(ctx, open_payment(ctx, invoice))
    if intent is not None and intent["status"] == "processing":  # [K]
        raise bad_request("This invoice has a payment in progress, and cannot be voided.")


def mark_invoice_uncollectible(ctx: Context) -> Row:
    invoice = target(ctx, "invoice", "id")
    if invoice["status"] == "uncollectible":
        raise bad_request("This invoice has already been marked uncollectible.")  # [PROBE]
    if invoice["status"] != "open":
        raise bad_request(_NOT_OPEN)  # [PROBE]
    ctx.change(
        invoice,
        status="uncollectible",
        status_details={"uncollectible": {"reason": "user_forgiven"}},
        next_payment_attempt=None,
    )
    _transition(ctx, invoice, "marked_uncollectible_at")
    ctx.record("invoice.marked_uncollectible", invoice, invoice["amount_remaining"])
    return invoice
