"""Where the books read: balance transactions, what Stripe says is left, and payouts. All I/O with Stripe is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from typing import Any, Final

from prefect_stripe.client import StripeClient
from prefect_stripe.flows.ledger_rows import BalanceRow, BooksError, Difference, Sums, in_order, row_of, sums
from prefect_stripe.flows.months import Month
from prefect_stripe.flows.payout_matching import RETURN, Payout, payout_of

LOOKS: Final = 20
"""How often the balance is looked at until it holds still between two looks."""


def balance_rows(
    client: StripeClient, begins: datetime | None = None, ends: datetime | None = None
) -> list[BalanceRow]:
    """Read the balance transactions that were created from one instant until before another, the oldest first."""
    created = {name: at for name, at in (("gte", begins), ("lt", ends)) if at is not None}
    found = items(client, "list_balance_transactions", **({"created": created} if created else {}))
    return sorted(map(row_of, found), key=in_order)


def items(client: StripeClient, operation: str, **params: Any) -> Iterator[dict[str, Any]]:
    """Read a list to its end, page by page."""
    for page in client.pages(operation, params=params):
        yield from page


def stated_balance(client: StripeClient) -> Sums:
    """Ask Stripe what there is: available and pending, in each currency."""
    balance = client.call("retrieve_balance").data
    stated: Sums = {}
    for one in (*balance["available"], *balance["pending"]):
        stated[one["currency"]] = stated.get(one["currency"], 0) + one["amount"]
    return stated


def rows_and_balance(client: StripeClient, begins: datetime | None) -> tuple[list[BalanceRow], Sums]:
    """Read the transactions from an instant until now, and what Stripe says there is just after the last of them.

    Money moves while one reads: the end is read again until the balance is the same before and after.

    Raises:
        BooksError: It never holds still.
    """
    rows = {row.id: row for row in balance_rows(client, begins)}
    stated = stated_balance(client)
    for _ in range(LOOKS):
        since = datetime.fromtimestamp(max((row.created for row in rows.values()), default=0), UTC)
        newer = balance_rows(client, max(since, begins) if begins else since)
        again = stated_balance(client)
        if again == stated and rows.keys() >= {row.id for row in newer}:
            return sorted(rows.values(), key=in_order), stated
        rows, stated = rows | {row.id: row for row in newer}, again
    raise BooksError("the balance did not hold still", [Difference("looks at it", "two alike", f"{LOOKS} that differ")])


def balance_at(stated: Sums, rows: list[BalanceRow], at: datetime) -> Sums:
    """Go back from what Stripe says there is now to what there was at an instant, over all that came since."""
    since = sums(row for row in rows if row.created >= at.timestamp())
    return {name: stated.get(name, 0) - since.get(name, 0) for name in sorted({*stated, *since})}


def payouts_of(
    client: StripeClient, month: Month, begins: datetime, ends: datetime, rows: Iterable[BalanceRow]
) -> list[tuple[Payout, datetime]]:
    """Read the payouts that a month has to do with, each with when it was made.

    Those that were made in it, those from before that were to arrive in it or after, and whichever its transactions are
    of.
    """
    arriving = datetime.combine(month.first, time(), UTC)
    found = {
        payout["id"]: payout
        for params in (
            {"created": {"gte": begins, "lt": ends}},
            {"created": {"lt": begins}, "arrival_date": {"gte": arriving}},
        )
        for payout in items(client, "list_payouts", **params, expand=[f"data.{RETURN}"])
    }
    for row in rows:
        if row.category in {"payout", "payout_reversal"} and row.source.startswith("po_") and row.source not in found:
            found[row.source] = client.call("retrieve_payout", row.source, expand=[RETURN]).data
    return [
        (payout_of(payout), datetime.fromtimestamp(payout["created"], UTC))
        for payout in sorted(found.values(), key=lambda payout: (payout["created"], payout["id"]))
    ]


def rows_of_payout(client: StripeClient, payout: str) -> list[BalanceRow]:
    """Read the transactions that an automatic payout is made of, its own included."""
    return [row_of(one) for one in items(client, "list_balance_transactions", payout=payout)]
