"""The balance on its way to the bank: available after two days, paid out at the next midnight (UTC)."""

from __future__ import annotations

from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.objects import balance
from prefect_stripe.sandbox.objects.common import listing
from prefect_stripe.sandbox.paging import equals, within
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import new_id

DAY: Final = 86400


def make_available(ctx: Context, transaction: Row) -> None:
    """A balance transaction becomes available; the first one at a midnight takes all others of its currency along."""
    if transaction["status"] == "pending":
        ctx.change(transaction, status="available")
        if transaction["type"] != "payout":
            ctx.schedule(ctx.now - ctx.now % DAY + DAY, "make_available", transaction["id"])
        return
    if transaction.get("_payout") is None:
        pay_out(ctx, transaction["currency"])


def pay_out(ctx: Context, currency: str) -> Row | None:
    """Pay out all that is available in a currency, if it is more than nothing."""
    waiting = [
        row
        for row in ctx.account.table("balance_transaction").rows.values()
        if row["status"] == "available" and row["currency"] == currency and row.get("_payout") is None
    ]
    amount = sum(row["net"] for row in waiting)
    if amount <= 0:
        return None
    id = new_id("payout")
    moved = balance.transaction(
        ctx, type="payout", amount=-amount, fee=0, currency=currency, source=id, description="STRIPE PAYOUT"
    )
    row = ctx.insert(
        "payout",
        {
            "id": id,
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": ctx.now + DAY,
            "automatic": True,
            "balance_transaction": moved["id"],
            "created": ctx.now,
            "currency": currency,
            "description": "STRIPE PAYOUT",
            "destination": "ba_1SandboxBankAccount",
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "metadata": {},
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": None,
            "status": "in_transit",
            "trace_id": None,
            "type": "bank_account",
        },
    )
    for transaction in (*waiting, moved):
        ctx.change(transaction, _payout=id)
    ctx.schedule(row["arrival_date"], "arrive", id)
    ctx.record("payout.created", row, amount)
    return row


def arrive(ctx: Context, payout: Row) -> None:
    ctx.change(payout, status="paid")
    ctx.record("payout.paid", payout, payout["amount"])


list_payouts = listing(
    "payout",
    {
        "arrival_date": within("arrival_date"),
        "created": within("created"),
        "destination": equals("destination"),
        "status": equals("status"),
    },
)
