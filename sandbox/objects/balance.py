"""What moves in and out of the account's balance, and what Stripe keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.rows import Row

FEES: Final[Mapping[str, tuple[Decimal, int, int | None]]] = {
    "card": (Decimal("0.029"), 30, None),
    "customer_balance": (Decimal("0.005"), 0, 500),
    "us_bank_account": (Decimal("0.008"), 0, 500),
}
"""Of each type of payment method: a rate, a fixed part, and the most that it can be. Stripe's page "Pricing" [K]."""
AVAILABLE_AFTER: Final = 2 * 86400  # two days, as in the United States [K]


def settle(ctx: Context, charge: Row) -> Row:
    """The balance transaction of a captured charge: what is left of it after the fee."""
    amount = charge["amount_captured"]
    rate, fixed, most = FEES[charge["payment_method_details"]["type"]]
    fee = int((amount * rate).quantize(Decimal(1), ROUND_HALF_UP)) + fixed
    fee = min(fee, most) if most is not None else fee
    row = transaction(
        ctx,
        type="charge",
        amount=amount,
        fee=fee,
        currency=charge["currency"],
        source=charge["id"],
        description=charge["description"],
    )
    ctx.change(charge, balance_transaction=row["id"])
    return row


def transaction(
    ctx: Context, *, type: str, amount: int, fee: int, currency: str, source: str, description: str | None
) -> Row:
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    row = ctx.insert(
        "balance_transaction",
        {
            "amount": amount,
            "available_on": ctx.now + AVAILABLE_AFTER,
            "balance_type": "payments",
            "created": ctx.now,
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": type,
            "source": source,
            "status": "pending",
            "type": type,
        },
    )
    ctx.schedule(row["available_on"], "make_available", row["id"])
    ctx.record("balance_transaction.created", row, row["net"])
    return row
