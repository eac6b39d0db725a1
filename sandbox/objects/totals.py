"""What an invoice adds up to, and what of it is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.rows import Row

# Stripe's page "Supported currencies", minimum charge amounts [K]; other currencies by their equivalent of 0.50 USD.
MINIMUMS: Final[Mapping[str, int]] = {
    "aed": 200,
    "bgn": 100,
    "bhd": 190,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "jod": 360,
    "jpy": 50,
    "krw": 700,
    "kwd": 160,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "omr": 200,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
    "tnd": 1600,
}
MAXIMUM: Final = 99_999_999  # eight digits [SDK]


def minimum(currency: str) -> int:
    return MINIMUMS.get(currency, 50)


def recalculate(ctx: Context, invoice: Row) -> None:
    """Sum the lines of a draft, and take the customer's balance into account, which has the customer's currency.

    What is below the minimum that can be charged is not due: it goes to the customer's balance [SDK: amount_due].
    """
    lines = ctx.account.table("line_item").oldest_first("invoice", invoice["id"])
    total = sum(line["amount"] for line in lines)
    customer = ctx.get("customer", invoice["customer"])
    has_balance = customer is not None and customer["currency"] == invoice["currency"]
    balance = customer["balance"] if has_balance and customer is not None else 0
    owed = total + balance
    least = minimum(invoice["currency"]) if has_balance else 1
    due = owed if owed >= least else 0
    ctx.change(
        invoice,
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_excluding_tax=total,
        starting_balance=balance,
        amount_due=due,
        amount_remaining=due,
        _ending_balance=owed - due,
    )


def set_balance(ctx: Context, customer: Row, balance: int) -> None:
    """Change a customer's balance, which every draft of theirs starts from [SDK: starting_balance]."""
    ctx.change(customer, balance=balance)
    for invoice in ctx.select("invoice", "customer", customer["id"]):
        if invoice["status"] == "draft" and not invoice.get("_gone"):
            recalculate(ctx, invoice)


def same_currency(ctx: Context, customer: Row, currency: str) -> None:
    """Pending items of one customer share one currency [3P: the message]."""
    for item in ctx.select("invoiceitem", "pending", customer["id"]):
        if item["currency"] != currency:
            raise bad_request(
                "You cannot combine currencies on a single customer. This customer has an active subscription, "
                "subscription schedule, discount, quote, invoice item or active subscription mode checkout session "
                f"with currency {item['currency']}.",
            )
