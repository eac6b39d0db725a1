"""Taking what was authorized, giving it back, and what else can be done to a charge."""

from __future__ import annotations

from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.objects import balance, charging, intents, invoice_actions
from prefect_stripe.sandbox.objects.common import (
    address,
    apply_metadata,
    chosen,
    listing,
    new_metadata,
    only_one,
    positive,
    refuse_not_simulated,
    target,
)
from prefect_stripe.sandbox.paging import equals, within
from prefect_stripe.sandbox.rows import Row

MAX_INCREMENTS: Final = 10  # [SDK]


def capture_payment_intent(ctx: Context) -> Row:
    params, intent = ctx.params, target(ctx, "payment_intent", "intent")
    refuse_not_simulated(params)
    if intent["status"] == "succeeded":  # [SIM]
        raise intents.refused(
            ctx,
            intent,
            "The remaining amount on this PaymentIntent could not be captured because the remainder of the authorized "
            "amount has been released.",
        )
    if intent["status"] != "requires_capture":  # [SIM]
        raise intents.refused(
            ctx,
            intent,
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    if params.get("final_capture") is False:  # [SDK]
        raise bad_request("Multicapture is not available for this PaymentIntent.", param="final_capture")
    amount = ctx.given("amount_to_capture", intent["amount_capturable"])
    positive(amount, "amount")  # the parameter that is named is not the one sent [SIM]
    if amount > intent["amount_capturable"]:  # [SIM]
        raise bad_request(
            f"The provided capture amount is greater than the amount of this PaymentIntent that can be captured "
            f"({intent['amount_capturable']}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = ctx.find("charge", intent["latest_charge"], "latest_charge")
    _take(ctx, charge, amount)
    fields = chosen(params, "statement_descriptor", "statement_descriptor_suffix")
    fields |= intents.payment_details(intent, params)
    apply_metadata(ctx, intent, fields)
    ctx.change(intent, **fields, status="succeeded", amount_received=amount, amount_capturable=0)
    ctx.record("payment_intent.succeeded", intent, amount)
    invoice_actions.intent_succeeded(ctx, intent)
    return intent


def _take(ctx: Context, charge: Row, amount: int) -> None:
    """Capture part of a charge or all of it; the rest is released."""
    ctx.change(charge, captured=True, amount_captured=amount, amount_refunded=charge["amount"] - amount)
    balance.settle(ctx, charge)
    ctx.record("charge.captured", charge, amount)


def increment_payment_intent_authorization(ctx: Context) -> Row:
    params, intent = ctx.params, target(ctx, "payment_intent", "intent")
    refuse_not_simulated(params)
    if intent["status"] != "requires_capture":  # [SDK; text K]
        raise intents.refused(
            ctx,
            intent,
            f"This PaymentIntent's authorization could not be incremented because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be incremented: "
            "requires_capture.",
        )
    charge = ctx.find("charge", intent["latest_charge"], "latest_charge")
    card: Row = charge["payment_method_details"].get("card") or {"incremental_authorization": {}}
    if card["incremental_authorization"].get("status") != "available":  # [SDK; text K]
        raise bad_request("Incremental authorization is not available for this PaymentIntent.", param="intent")
    if params["amount"] <= intent["amount"]:
        raise bad_request(
            "The amount must be greater than the currently authorized amount.", param="amount"
        )  # [SDK; text K]
    made = intent.get("_increments", 0)
    if made >= MAX_INCREMENTS:  # [SDK; text K]
        raise bad_request(f"An authorization can be incremented {MAX_INCREMENTS} times at most.", param="intent")
    charging.check_amount(params["amount"], intent["currency"])
    fields = chosen(params, "description", "statement_descriptor") | intents.payment_details(intent, params)
    apply_metadata(ctx, intent, fields)
    amount = params["amount"]
    ctx.change(intent, **fields, amount=amount, amount_capturable=amount, _increments=made + 1)
    details: Row = {**charge["payment_method_details"], "card": {**card, "amount_authorized": amount}}
    ctx.change(charge, amount=amount, payment_method_details=details)
    ctx.record("payment_intent.amount_capturable_updated", intent, amount)
    return intent


def update_charge(ctx: Context) -> Row:
    params, charge = ctx.params, target(ctx, "charge", "charge")
    fields = chosen(params, "description", "receipt_email")
    if "customer" in params:
        if charge["customer"] is not None:  # [SDK]
            raise bad_request("You cannot change the customer of a charge that has one.", param="customer")
        fields["customer"] = ctx.find("customer", params["customer"], "customer")["id"]
    if "transfer_group" in params:
        if charge["transfer_group"] is not None:  # [SDK]
            raise bad_request("You cannot change the transfer_group of a charge that has one.", param="transfer_group")
        fields["transfer_group"] = params["transfer_group"]
    if "fraud_details" in params:
        fields["fraud_details"] = params["fraud_details"] or {}
    if "shipping" in params:
        fields["shipping"] = {**params["shipping"], "address": address(params["shipping"].get("address"))}
    apply_metadata(ctx, charge, fields)
    ctx.change(charge, **fields)
    ctx.record("charge.updated", charge, charge["amount"])
    return charge


def capture_charge(ctx: Context) -> Row:
    """Only for a charge that was authorized outside of a payment intent, once, in time [SPEC23; codes SDK, texts K]."""
    params, charge = ctx.params, target(ctx, "charge", "charge")
    refuse_not_simulated(params)
    if charge["payment_intent"] is not None:  # [SPEC23; text K]
        raise bad_request(
            "This charge was created by a PaymentIntent: capture the PaymentIntent instead, at "
            f"/v1/payment_intents/{charge['payment_intent']}/capture."
        )
    if charge["captured"]:
        raise bad_request(f"Charge {charge['id']} has already been captured.", code="charge_already_captured")
    if charge["refunded"] or charge["created"] + charging.AUTHORIZED_SECONDS < ctx.now:
        raise bad_request(
            f"Charge {charge['id']} is no longer available for capture: its authorization has expired.",
            code="charge_expired_for_capture",
        )
    amount = ctx.given("amount", charge["amount"])
    positive(amount, "amount")
    if amount > charge["amount"]:
        raise bad_request(
            f"The amount to capture cannot be greater than {charge['amount']}.", code="amount_too_large", param="amount"
        )
    _take(ctx, charge, amount)
    return charge


def seed_charge(ctx: Context, amount: int, currency: str) -> Row:
    """A charge that was authorized without a payment intent, as only old integrations make them."""
    charging.check_amount(amount, currency)
    return charging.bare_charge(ctx, amount, currency)


def create_refund(ctx: Context) -> Row:
    params = ctx.params
    only_one(params, "charge", "payment_intent")
    if not params.get("charge") and not params.get("payment_intent"):  # [K]
        raise bad_request(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )
    refuse_not_simulated(params, "charge", "payment_intent")
    charge = _refundable(ctx)
    left = charge["amount_captured"] - charge.get("_refunded", 0)
    if left == 0:  # [K; code SDK]
        raise bad_request(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = ctx.given("amount", left)
    positive(amount, "amount")
    if amount > left:  # [3P: text]
        shown = charging.shown
        raise bad_request(
            f"Refund amount ({shown(amount, charge['currency'])}) is greater than unrefunded amount on charge "
            f"({shown(left, charge['currency'])})",
            code="amount_too_large",
            param="amount",
        )
    return _refund(ctx, charge, amount)


def _refundable(ctx: Context) -> Row:
    """The charge to give back from: one that succeeded and was captured [K: strictest reading; codes SDK]."""
    params = ctx.params
    if params.get("charge"):
        charge = ctx.find("charge", params["charge"], "charge")
    else:
        intent = ctx.find("payment_intent", params["payment_intent"], "payment_intent")
        found = ctx.get("charge", intent["latest_charge"])
        if found is None or intent["status"] != "succeeded":
            raise bad_request(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                code="resource_missing",
                param="payment_intent",
            )
        charge = found
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise bad_request(f"Charge {charge['id']} cannot be refunded.", code="charge_not_refundable", param="charge")
    # [SDK: code; text and that a won one may be, K]
    if any(dispute["status"] != "won" for dispute in ctx.select("dispute", "charge", charge["id"])):
        raise bad_request(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    return charge


def _refund(ctx: Context, charge: Row, amount: int) -> Row:
    row = ctx.insert(
        "refund",
        {
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": ctx.now,
            "currency": charge["currency"],
            "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
            "metadata": new_metadata(ctx.params),
            "payment_intent": charge["payment_intent"],
            "reason": ctx.params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        },
    )
    moved = balance.transaction(
        ctx,
        type="refund" if balance.is_by_card(charge) else "payment_refund",
        amount=-amount,
        currency=charge["currency"],
        source=row["id"],
        description=f"REFUND FOR CHARGE ({charge['description'] or charge['id']})",
    )
    ctx.change(row, balance_transaction=moved["id"])
    refunded = charge.get("_refunded", 0) + amount
    ctx.change(
        charge,
        _refunded=refunded,
        amount_refunded=charge["amount_refunded"] + amount,
        refunded=refunded == charge["amount_captured"],
    )
    ctx.record("refund.created", row, amount)
    ctx.record("charge.refunded", charge, amount)
    return row


list_refunds = listing(
    "refund",
    {"charge": equals("charge"), "created": within("created"), "payment_intent": equals("payment_intent")},
    index="charge",
    parents={"charge": "charge", "payment_intent": "payment_intent"},
)
