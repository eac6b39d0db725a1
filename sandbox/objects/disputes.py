"""Disputes, as far as they move the balance: opened by a test card or by hand, and won."""

from __future__ import annotations

from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.objects import balance
from prefect_stripe.sandbox.rows import Row

FEE: Final = 1500  # of every currency's minor units: 15.00 USD, as in the United States [K]
EVIDENCE_SECONDS: Final = 9 * 86400  # [K]


def open_dispute(ctx: Context, charge: Row) -> Row:
    """The bank takes back all of a charge, and Stripe a fee: an adjustment of the category `dispute` [DOC]."""
    row = ctx.insert(
        "dispute",
        {
            "amount": charge["amount_captured"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": ctx.now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {"enhanced_evidence": {}},
            "evidence_details": {
                "due_by": ctx.now + EVIDENCE_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": False,
            "metadata": {},
            "network_reason_code": None,
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": "needs_response",
        },
    )
    _move(ctx, row, "dispute", -row["amount"], FEE)
    ctx.change(charge, disputed=True)
    ctx.record("charge.dispute.created", row, row["amount"])
    return row


def seed_dispute(ctx: Context, charge: str) -> Row:
    """A dispute of what was captured: there is nothing else to take back [DOC]."""
    disputed = ctx.find("charge", charge, "charge")
    if not disputed["captured"]:
        raise bad_request(f"Charge {disputed['id']} was not captured.", param="charge")
    return open_dispute(ctx, disputed)


def seed_dispute_won(ctx: Context, dispute: str) -> Row:
    """A dispute that is won: the amount comes back, the fee does not [DOC]."""
    row = ctx.find("dispute", dispute, "dispute")
    if row["status"] == "won":  # [DOC: it comes back once]
        raise bad_request(f"Dispute {row['id']} is won already.", param="dispute")
    ctx.change(row, status="won")
    _move(ctx, row, "dispute_reversal", row["amount"], 0)
    ctx.record("charge.dispute.closed", row, row["amount"])
    return row


def _move(ctx: Context, dispute: Row, category: str, amount: int, fee: int) -> None:
    moved = balance.transaction(
        ctx,
        type="adjustment",
        category=category,
        amount=amount,
        fees={"stripe_fee": fee},
        currency=dispute["currency"],
        source=dispute["id"],
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}",
    )
    shown = {name: value for name, value in moved.items() if not name.startswith("_")}
    ctx.change(dispute, balance_transactions=[*dispute["balance_transactions"], shown])
