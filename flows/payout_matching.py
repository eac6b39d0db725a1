"""Payouts held against the transactions they are made of, the rows that post them, and the bank's lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from prefect_stripe.flows.csv_rows import numbered_rows
from prefect_stripe.flows.ledger_rows import BalanceRow, Difference, Sums, id_of, stop_at
from prefect_stripe.money import minor_units

State: TypeAlias = Literal["arrived", "in transit", "returned"]

BANK_DAYS: Final = timedelta(days=5)
"""How far a bank's day may be from the one on which Stripe expects a payout to arrive."""

RETURN: Final = "failure_balance_transaction"
"""The field of a payout that says how it came back: its time is needed."""


@dataclass(frozen=True)
class Payout:
    """A payout as it stood at the end of a month.

    Attributes:
        id: Of the payout.
        amount: Minor units.
        currency: Three-letter code, lower case.
        automatic: Whether Stripe put it together, and so knows of what.
        arrives: The day on which it is expected at the bank.
        row: The balance transaction that takes it from the balance.
        returned_by: The one that brings it back, if it failed or was canceled.
        returned: When that was created, in Unix seconds.
        state: Where its money was when the month ended.
        parts: How many transactions it is made of, where that is known.
        bank_date: The day of the bank's line, if one was found.
    """

    id: str
    amount: int
    currency: str
    automatic: bool
    arrives: date
    row: str
    returned_by: str
    returned: int | None = None
    state: State = "in transit"
    parts: int | None = None
    bank_date: date | None = None


def payout_of(payout: Mapping[str, Any]) -> Payout:
    """Take from a payout, as Stripe sent it with its `RETURN` expanded, what the books need."""
    back = payout[RETURN]
    return Payout(
        id=payout["id"],
        amount=payout["amount"],
        currency=payout["currency"],
        automatic=payout["automatic"],
        # A date is written as its midnight, in UTC.
        arrives=datetime.fromtimestamp(payout["arrival_date"], UTC).date(),
        row=id_of(payout["balance_transaction"]),
        returned_by=id_of(back),
        returned=back["created"] if back else None,
    )


def check_parts(payout: Payout, rows: Iterable[BalanceRow], seen: dict[str, str]) -> Payout:
    """See that an automatic payout is what its transactions come to without its own.

    Args:
        payout: The payout.
        rows: Its transactions, as Stripe lists them.
        seen: Of each transaction that was met so far, its payout; it is added to.

    Raises:
        BooksError: It is not; or one of them was paid out before.
    """
    parts = [row for row in rows if row.id != payout.row]
    stop_at(
        "a payout has transactions of another currency",
        [Difference(f"{payout.id}, {row.id}", payout.currency, row.currency) for row in parts
         if row.currency != payout.currency],
    )  # fmt: skip
    total = sum(row.net for row in parts)
    stop_at(
        "a payout is not the sum of its transactions",
        [] if total == payout.amount else [Difference(payout.id, payout.amount, total, payout.currency)],
    )
    stop_at(
        "a transaction is in two payouts",
        [Difference(row.id, payout.id, seen[row.id]) for row in parts if seen.get(row.id, payout.id) != payout.id],
    )
    seen.update(dict.fromkeys((row.id for row in parts), payout.id))
    return replace(payout, parts=len(parts))


def check_posted(rows: Iterable[BalanceRow], payouts: Mapping[str, Payout]) -> None:
    """See that each row that pays out, or brings back, is that of a payout, and of its amount.

    Raises:
        BooksError: It is not.
    """
    wrong = list[Difference]()
    for row in rows:
        if row.category not in {"payout", "payout_reversal"}:
            continue
        payout = payouts.get(row.source)
        if payout is None:
            wrong.append(Difference(f"{row.id}, its payout", "one", row.source or "none"))
            continue
        back = row.category == "payout_reversal"
        wanted = payout.amount if back else -payout.amount
        if row.id != (payout.returned_by if back else payout.row):
            own = (payout.returned_by if back else payout.row) or "none"
            wrong.append(Difference(f"{payout.id}, its transaction", own, row.id))
        if (row.amount, row.currency) != (wanted, payout.currency):
            wrong.append(Difference(f"{payout.id}, {row.id}", wanted, row.amount, row.currency))
    stop_at("a payout and the transaction that posts it differ", wrong)


def at_the_end(payout: Payout, end: datetime, first_after: date, later: Container[str] = ()) -> Payout:
    """Say where a payout's money was when a month ended, by what had happened until then, and not by what came after.

    So it is the same whenever the month is closed, and of the next month it is what that begins with: a payout that the
    bank sends back after its day is taken for arrived until it is back.

    Args:
        payout: A payout that was made before the end.
        end: The first instant that is no longer in the month.
        first_after: The first day that is no longer in it.
        later: Transactions that are posted after it, though they may be older.
    """
    if payout.returned is not None and payout.returned < end.timestamp() and payout.returned_by not in later:
        return replace(payout, state="returned")
    return replace(payout, state="arrived" if payout.arrives < first_after else "in transit")


@dataclass(frozen=True)
class Transit:
    """What is on its way to the bank, in each currency: it was, it left, it came back or arrived, and it is.

    What arrived is less than nothing where more came back that had been taken for arrived before.
    """

    opening: Sums
    paid_out: Sums
    returned: Sums
    arrived: Sums
    closing: Sums


def transit(before: Iterable[Payout], after: Sequence[Payout], rows: Iterable[BalanceRow]) -> Transit:
    """Explain what is in transit at the end of a month.

    Args:
        before: The payouts that were made before the month, as they stood when it began.
        after: All payouts that were made before its end, as they stood then; of those before it, those that were in
            transit, or came back in it.
        rows: The month's transactions.

    Raises:
        BooksError: What left the balance is not what is known of the payouts.
    """
    moved = {"payout": dict[str, int](), "payout_reversal": dict[str, int]()}
    for row in rows:
        if (of := moved.get(row.category)) is not None:
            # A payout below nothing is what Stripe takes from the bank to cover a balance that is below nothing.
            left = -row.amount if row.category == "payout" else row.amount
            of[row.currency] = of.get(row.currency, 0) + left
    before = list(before)
    arrived = Counter(_total(payout for payout in after if payout.state == "arrived"))
    arrived.subtract(_total(payout for payout in before if payout.state == "arrived"))
    found = Transit(
        opening=_total(payout for payout in before if payout.state == "in transit"),
        paid_out=moved["payout"],
        returned=moved["payout_reversal"],
        arrived={currency: amount for currency, amount in arrived.items() if amount},
        closing=_total(payout for payout in after if payout.state == "in transit"),
    )
    sides = (found.opening, found.paid_out, found.returned, found.arrived, found.closing)
    wrong = list[Difference]()
    for currency in sorted({name for side in sides for name in side}):
        was_there, left, back, there, closing = (side.get(currency, 0) for side in sides)
        if was_there + left - back - there != closing:
            about = f"{currency.upper()}, {was_there} and {left} less {back} and {there}"
            wrong.append(Difference(about, closing, was_there + left - back - there, currency))
    stop_at("what is in transit is not explained by the payouts", wrong)
    return found


def _total(payouts: Iterable[Payout]) -> Sums:
    totals: Sums = {}
    for payout in payouts:
        totals[payout.currency] = totals.get(payout.currency, 0) + payout.amount
    return totals


# The bank's side


class BankFileError(Exception):
    """The file of the bank's lines cannot be used as it is."""


@dataclass(frozen=True)
class BankLine:
    """A line of a bank statement: what came in on a day."""

    date: date
    amount: int
    currency: str


def read_bank_lines(lines: Iterable[str]) -> list[BankLine]:
    """Read a bank's lines from a CSV file with the columns date, amount, currency; amounts in major units.

    Raises:
        BankFileError: Something in it is not to be understood; the message says where.

    Example:
        >>> read_bank_lines(["date,amount,currency", "2026-10-05,48.25,USD"])
        [BankLine(date=datetime.date(2026, 10, 5), amount=4825, currency='usd')]
    """
    found = list[BankLine]()
    for number, row in numbered_rows(
        lines, ("date", "amount", "currency"), "the file of the bank's lines", BankFileError
    ):
        currency = row["currency"].lower()
        try:
            amount = minor_units(row["amount"], currency)
            found.append(BankLine(date.fromisoformat(row["date"]), amount, currency))
        except ValueError as error:
            raise BankFileError(f"row {number} of the file of the bank's lines: {error}") from error
    return found


def match_bank(payouts: Iterable[Payout], lines: Iterable[BankLine]) -> list[Payout]:
    """Find the bank's line of each payout that arrived: of its amount, in its currency, around its day; each once."""
    free = Counter(lines)
    matched = list[Payout]()
    for payout in sorted(payouts, key=lambda payout: (payout.arrives, payout.id)):
        near = [
            line
            for line in free
            if free[line]
            and (line.amount, line.currency) == (payout.amount, payout.currency)
            and abs(line.date - payout.arrives) <= BANK_DAYS
        ]
        if payout.state != "arrived" or not near:
            matched.append(payout)
            continue
        line = min(near, key=lambda line: (abs(line.date - payout.arrives), line.date))
        free[line] -= 1
        matched.append(replace(payout, bank_date=line.date))
    return matched
