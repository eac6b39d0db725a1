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
DAY: Final = 86400
AVAILABLE_AFTER: Final = 2 * DAY  # two days, as in the United States [K]

CATEGORIES: Final[Mapping[str, str]] = {
    "adjustment": "other_adjustment",
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "payment": "charge",
    "payment_failure_refund": "charge_failure",
    "payment_refund": "refund",
    "payment_reversal": "charge_failure",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "fee",
    "transfer_cancel": "transfer_reversal",
    "transfer_failure": "transfer_reversal",
    "transfer_refund": "transfer_reversal",
}
"""The reporting category of a type that is not its own: Stripe's page "Reporting categories" [DOC]."""
AT_ONCE: Final = frozenset({"payout_failure", "payout_cancel"})
"""What is available as soon as it is back [K]."""
DESCRIPTIONS: Final[Mapping[str, str]] = {"stripe_fee": "Stripe processing fees", "tax": "VAT"}  # [K]


def is_by_card(charge: Row) -> bool:
    """Say whether what moves for a charge is of the types for cards: other methods have types of their own [DOC]."""
    return bool(charge["payment_method_details"]["type"] == "card")


def settle(ctx: Context, charge: Row) -> Row:
    """The balance transaction of a captured charge: what is left of it after the fee."""
    amount = charge["amount_captured"]
    rate, fixed, most = FEES[charge["payment_method_details"]["type"]]
    fee = int((amount * rate).quantize(Decimal(1), ROUND_HALF_UP)) + fixed
    fee = min(fee, most) if most is not None else fee
    row = transaction(
        ctx,
        type="charge" if is_by_card(charge) else "payment",
        amount=amount,
        fees={"stripe_fee": fee},
        currency=charge["currency"],
        source=charge["id"],
        description=charge["description"],
    )
    ctx.change(charge, balance_transaction=row["id"])
    return row


def transaction(
    ctx: Context,
    *,
    type: str,
    amount: int,
    currency: str,
    source: str | None,
    description: str | None = None,
    category: str | None = None,
    fees: Mapping[str, int] | None = None,
    created: int | None = None,
) -> Row:
    """Move the balance.

    Args:
        ctx: What it is part of.
        type: Stripe's type.
        amount: What moves, before the fees.
        currency: Of the balance.
        source: Id of the object that it comes from.
        description: What is written on it.
        category: Stripe's reporting category; where it is not the one that the type has.
        fees: By type of fee; what is nothing is not detailed.
        created: When, if not now: one that comes to light late.
    """
    known, charged = CATEGORIES.get(type, type), {kind: fee for kind, fee in (fees or {}).items() if fee}
    created = ctx.now if created is None else created
    # What is taken is taken from what is available; what comes back or in is waited for [K].
    waits = amount > 0 and type not in AT_ONCE
    row = ctx.insert(
        "balance_transaction",
        {
            "amount": amount,
            "available_on": created + AVAILABLE_AFTER if waits else created,
            "balance_type": "payments",
            "created": created,
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": sum(charged.values()),
            "fee_details": [
                {
                    "amount": fee,
                    "application": None,
                    "currency": currency,
                    "description": DESCRIPTIONS.get(kind, kind),
                    "type": kind,
                }
                for kind, fee in charged.items()
            ],
            "net": amount - sum(charged.values()),
            "reporting_category": category or known,
            "source": source,
            "status": "pending" if waits else "available",
            "type": type,
        },
    )
    if type != "payout":
        ctx.schedule(row["available_on"] if waits else next_midnight(ctx.now), "make_available", row["id"])
    ctx.record("balance_transaction.created", row, row["net"])
    return row


def next_midnight(now: int) -> int:
    return now - now % DAY + DAY


def seed_balance_transaction(
    ctx: Context,
    amount: int,
    currency: str,
    type: str = "charge",
    category: str | None = None,
    fees: Mapping[str, int] | None = None,
    source: str | None = None,
    created: int | None = None,
) -> Row:
    """A movement of the balance by itself, of any kind: a fee of the month with its tax, an adjustment, a top-up."""
    return transaction(
        ctx, type=type, amount=amount, currency=currency, source=source, category=category, fees=fees, created=created
    )


def retrieve_balance(ctx: Context) -> Row:
    """What is available and what is pending, an element a currency; zero where nothing is left [SDK]."""
    sums: dict[str, dict[str, int]] = {}
    for row in ctx.account.table("balance_transaction").rows.values():
        of = sums.setdefault(row["currency"], {"available": 0, "pending": 0})
        of[row["status"]] += row["net"]
    shown = sorted(sums) or ["usd"]

    def listed(status: str) -> list[Row]:
        return [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency in shown
            for amount in (sums.get(currency, {}).get(status, 0),)
        ]

    return {
        "object": "balance",
        "available": listed("available"),
        "instant_available": None,
        "issuing": None,
        "connect_reserved": None,
        "livemode": ctx.livemode,
        "pending": listed("pending"),
        "refund_and_dispute_prefunding": None,
    }
