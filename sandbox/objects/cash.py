"""The cash that a customer has with the account: what was transferred, and has not paid for anything yet."""

from __future__ import annotations

from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.rows import Row

KINDS: Final = (
    "adjusted_for_overdraft",
    "applied_to_payment",
    "funded",
    "refunded_from_payment",
    "unapplied_from_payment",
)


def held(customer: Row, currency: str) -> int:
    """What there is, in minor units."""
    cash: dict[str, int] = customer.get("_cash", {})
    return cash.get(currency, 0)


def moved(ctx: Context, customer: Row, currency: str, amount: int, **details: Any) -> Row:
    """Move it, and write that down: the name of the detail is the type of what happened."""
    ctx.change(customer, _cash={**customer.get("_cash", {}), currency: held(customer, currency) + amount})
    return ctx.insert(
        "customer_cash_balance_transaction",
        {
            **dict.fromkeys(KINDS),
            "created": ctx.now,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "ending_balance": held(customer, currency),
            "net_amount": amount,
            "transferred_to_balance": None,
            "type": next(iter(details)),
            **details,
        },
    )


def give_back(ctx: Context, intent: Row) -> None:
    """What was transferred for an intent that takes it no longer is the customer's again [SDK: type; K: when]."""
    if not intent.get("_funded"):
        return
    customer = ctx.get("customer", intent["customer"])
    assert customer is not None, "a customer stays, also one who is deleted"
    about = {"payment_intent": intent["id"]}
    row = moved(ctx, customer, intent["currency"], intent["_funded"], unapplied_from_payment=about)
    ctx.change(intent, _funded=0)
    ctx.record("customer_cash_balance_transaction.created", row, row["net_amount"])
