"""The balance on its way to the bank: available after two days, paid out at the next midnight (UTC)."""

from __future__ import annotations

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects import balance
from prefect_stripe.sandbox.objects.common import listing
from prefect_stripe.sandbox.paging import equals, page, within
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import new_id


def make_available(ctx: Context, transaction: Row) -> None:
    """A balance transaction becomes available; the first one at a midnight takes all others of its currency along."""
    if transaction["status"] == "pending":
        ctx.change(transaction, status="available")
        ctx.schedule(balance.next_midnight(ctx.now), "make_available", transaction["id"])
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
    row = _pay(ctx, amount, currency, automatic=True)
    for transaction in (*waiting, _moved(ctx, row)):
        ctx.change(transaction, _payout=row["id"])
    return row


def _pay(ctx: Context, amount: int, currency: str, *, automatic: bool) -> Row:
    id = new_id("payout")
    moved = balance.transaction(
        ctx, type="payout", amount=-amount, currency=currency, source=id, description="STRIPE PAYOUT"
    )
    row = ctx.insert(
        "payout",
        {
            "id": id,
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": ctx.now + balance.DAY,
            "automatic": automatic,
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
            "reconciliation_status": "completed" if automatic else "not_applicable",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": None,
            "status": "in_transit",
            "trace_id": None,
            "type": "bank_account",
        },
    )
    ctx.schedule(row["arrival_date"], "arrive", id)
    ctx.record("payout.created", row, amount)
    return row


def _moved(ctx: Context, payout: Row) -> Row:
    return ctx.find("balance_transaction", payout["balance_transaction"], "balance_transaction")


def arrive(ctx: Context, payout: Row) -> None:
    if payout["status"] != "in_transit":
        return
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


def seed_payout(ctx: Context, amount: int, currency: str) -> Row:
    """A payout that somebody asks for: no one can say of which transactions it is made [DOC]."""
    return _pay(ctx, amount, currency, automatic=False)


def seed_payout_failure(ctx: Context, payout: str) -> Row:
    """The bank sends a payout back, also one that has arrived; the amount is available again [SDK]."""
    row = ctx.find("payout", payout, "payout")
    if row["status"] in ("failed", "canceled"):
        raise bad_request(f"Payout {row['id']} has failed already.")
    moved = balance.transaction(
        ctx,
        type="payout_failure",
        amount=row["amount"],
        currency=row["currency"],
        source=row["id"],
        description="PAYOUT FAILURE",
    )
    ctx.change(
        row,
        status="failed",
        failure_balance_transaction=moved["id"],
        failure_code="account_closed",
        failure_message="The bank account has been closed.",
    )
    ctx.record("payout.failed", row, row["amount"])
    return row


def list_balance_transactions(ctx: Context) -> Page:
    """Those of a payout are known only where Stripe put it together itself [SDK; text 3P]."""
    if "payout" in ctx.params and not ctx.find("payout", ctx.params["payout"], "payout")["automatic"]:
        raise bad_request(
            "Balance transaction history can only be filtered on automatic transfers, not manual.", param="payout"
        )
    return page(
        ctx,
        "balance_transaction",
        {name: equals(name) for name in ("currency", "source", "type")}
        | {"created": within("created"), "payout": equals("_payout")},
        index="source" if "source" in ctx.params else None,
        value=ctx.params.get("source"),
    )
