"""What is told of a month that was closed, or that could not be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import BaseModel, Field

from prefect_stripe.flows import pictures
from prefect_stripe.flows.closing import Closed
from prefect_stripe.flows.ledger_rows import BalanceRow, BooksError
from prefect_stripe.flows.payout_matching import Payout
from prefect_stripe.money import format_amount

GATES: Final = (
    "of each transaction, net is amount less fee, and the fee is the sum of its details",
    "everything has an account in the chart",
    "debits are credits, in each entry and in each currency",
    "each transaction is posted once, and the journal moves the balance as they do",
    "opening balance and movement make the closing balance, which Stripe states by itself",
    "each automatic payout is what its transactions come to, and is posted with its amount",
    "what is on its way to the bank is explained by payouts",
    "what was closed before is as it was",
)
MOST_TOLD: Final = 200


class CurrencyReport(BaseModel):
    """A month in one currency, in minor units."""

    currency: str = Field(description="Three-letter code, lower case.")
    opening: int = Field(description="Balance at the beginning.")
    movement: int = Field(description="What it moved by.")
    closing: int = Field(description="Balance at the end.")
    debits: int = Field(description="What the journal debits, and credits.")
    in_transit: int = Field(description="What was on its way to the bank at the end.")


class CloseReport(BaseModel):
    """What became of the books of a month."""

    month: str = Field(description="The month, as `2026-10`.")
    time_zone: str = Field(description="In which it was reckoned.")
    closed_before: bool = Field(description="Whether it was closed already, and nothing was written.")
    opening_from: str = Field(description="Where the opening balances are known from.")
    transactions: int = Field(description="How many were posted.")
    lines: int = Field(description="How many lines the journal has.")
    currencies: list[CurrencyReport] = Field(
        description="Of each `opening`, `movement`, `closing`, `debits` (and so credits), and what is `in_transit`."
    )
    late: list[str] = Field(description="Transactions that came after their month was closed.")
    late_posted: bool = Field(description="Whether those are posted in this month; else in the next that is closed.")
    posted: int = Field(description="How many transactions were missing in the ledger, and were posted there now.")
    unmatched: list[str] = Field(description="Payouts that arrived, and are not among the bank's lines given.")
    files: list[str] = Field(description="Their names, in the folder of the month.")

    def __str__(self) -> str:
        told = f"{self.month} {'was closed before and ties out' if self.closed_before else 'is closed'}: "
        told += f"{self.transactions} transactions"
        if self.late:
            told += f", {len(self.late)} late"
        return told + (f", {len(self.unmatched)} payouts not at the bank" if self.unmatched else "")


def report_of(closed: Closed, *, with_bank: bool) -> CloseReport:
    """Return the figures of a month that ties out."""
    there = closed.manifest
    debits = dict[str, int]()
    for line in closed.lines:
        debits[line.currency] = debits.get(line.currency, 0) + line.debit
    return CloseReport(
        month=there.month,
        time_zone=there.time_zone,
        closed_before=closed.before,
        opening_from=closed.opening_from,
        transactions=len(closed.rows),
        lines=len(closed.lines),
        currencies=[
            CurrencyReport(
                currency=name,
                opening=there.opening[name],
                movement=there.movement[name],
                closing=there.closing[name],
                debits=debits.get(name, 0),
                in_transit=there.in_transit.get(name, 0),
            )
            for name in there.closing
        ],
        late=[row.id for row in closed.late],
        late_posted=not closed.before,
        posted=len(closed.posted),
        unmatched=[one.id for one in closed.payouts if with_bank and one.state == "arrived" and not one.bank_date],
        files=list(closed.files),
    )


def in_markdown(report: CloseReport, closed: Closed, place: str) -> str:
    """Tell of a month that ties out, with its picture."""
    words = f"Balances of {report.month}"
    parts = [
        f"**{report}**, in {report.time_zone}",
        pictures.in_markdown(pictures.waterfall(_bars(closed), words), words) if closed.manifest.closing else "",
        _table(
            ("currency", "opening", "movement", "closing", "debits = credits", "in transit"),
            [
                (one.currency.upper(), *_amounts(one.currency, one.opening, one.movement, one.closing, one.debits,
                                                  one.in_transit))
                for one in report.currencies
            ],
        ),
        f"The opening balances are known from: {report.opening_from}.",
        _table(("currency", "category", "transactions", "amount", "fee", "net"), _categories(closed.rows)),
    ]  # fmt: skip
    if report.late:
        told = "posted here, on the first day" if report.late_posted else "not posted: the next that is closed has them"
        parts += [f"Late, after their month was closed, and {told}:", _table(LATE, _late(closed.late))]
    if closed.payouts:
        parts.append(
            _table(("payout", "amount", "arrives", "at the end", "transactions", "bank"), _payouts(closed.payouts))
        )
    parts += [
        "What holds:\n\n" + "\n".join(f"- {gate}" for gate in GATES),
        f"Files, in `{place}`: " + ", ".join(f"`{name}`" for name in report.files),
    ]
    return "\n\n".join(part for part in parts if part)


FIGURES: Final = frozenset(
    {"opening", "movement", "closing", "debits = credits", "in transit", "transactions", "amount", "fee", "net"}
    | {"wanted", "found"}
)
"""The columns that are read from the right."""

LATE: Final = ("transaction", "created (UTC)", "category", "net")


def stopped_in_markdown(month: str, error: BooksError) -> str:
    """Tell why a month could not be closed, with the figures."""
    rows = [
        (one.about, one.shown(one.wanted), one.shown(one.found)) for one in error.differences[:MOST_TOLD]
    ]  # fmt: skip
    more = len(error.differences) - len(rows)
    told = f"**{month} is not closed**: {error.gate}. Nothing was written."
    return "\n\n".join([told, _table(("of", "wanted", "found"), rows), f"and {more} more" if more > 0 else ""]).rstrip()


def _bars(closed: Closed) -> list[pictures.Bars]:
    nets = dict[str, dict[str, int]]()
    for row in closed.rows:
        of = nets.setdefault(row.currency, {})
        for name, amount in ((row.category.replace("_", " "), row.amount), ("fees", -row.fee)):
            if amount:
                of[name] = of.get(name, 0) + amount
    there = closed.manifest
    return [
        pictures.Bars(
            name,
            [("opening", there.opening[name]), *sorted(nets.get(name, {}).items(), key=_by_amount),
             ("closing", there.closing[name])],
            frozenset({"opening", "closing"}),
        )
        for name in there.closing
    ]  # fmt: skip


def _by_amount(bar: tuple[str, int]) -> tuple[int, str]:
    return -bar[1], bar[0]


def _categories(rows: Iterable[BalanceRow]) -> list[tuple[str, ...]]:
    sums = dict[tuple[str, str], list[int]]()
    for row in rows:
        of = sums.setdefault((row.currency, row.category), [0, 0, 0, 0])
        for place, amount in enumerate((1, row.amount, row.fee, row.net)):
            of[place] += amount
    return [
        (currency.upper(), category, str(count), *_amounts(currency, amount, fee, net))
        for (currency, category), (count, amount, fee, net) in sorted(sums.items())
    ]


def _late(rows: Sequence[BalanceRow]) -> list[tuple[str, ...]]:
    return [
        (row.id, f"{row.at:%Y-%m-%d %H:%M:%S}", row.category, format_amount(row.net, row.currency))
        for row in rows[:MOST_TOLD]
    ]


def _payouts(payouts: Sequence[Payout]) -> list[tuple[str, ...]]:
    return [
        (
            one.id,
            format_amount(one.amount, one.currency),
            one.arrives.isoformat(),
            one.state,
            str(one.parts) if one.parts is not None else "" if one.automatic else "manual: not known",
            one.bank_date.isoformat() if one.bank_date else "",
        )
        for one in payouts[:MOST_TOLD]
    ]


def _amounts(currency: str, *amounts: int) -> list[str]:
    return [format_amount(amount, currency) for amount in amounts]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;") for cell in row] for row in rows]
    if not cells:
        return ""
    marks = ["--:" if column in FIGURES else "---" for column in columns]
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, marks, *cells))
