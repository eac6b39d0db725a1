"""From balance transactions to a double-entry journal, and what must hold of it.

A transaction is one entry: Stripe's balance moves by `net`, each part of the fee goes to its account, and the account
of the reporting category takes `amount` on the other side. What holds of the row makes the entry balance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from prefect_stripe.flows.accounts import Account, Chart
from prefect_stripe.flows.ledger_rows import BalanceRow, Difference, Fee, stop_at, sums
from prefect_stripe.flows.months import local_date

Part: TypeAlias = Literal["net", "fee", "amount"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal.

    Attributes:
        date: The day on which it is posted, in the reporting time zone.
        transaction: Id of its balance transaction, which is its entry.
        number: Its place in the entry, from 1.
        part: What of the transaction it posts.
        account: Where it is posted.
        amount: Minor units; a debit is more than nothing, a credit less.
        currency: Three-letter code, lower case.
        category: Stripe's reporting category; on a fee its type.
        source: Id of the object that the transaction came from, or nothing.
        created: When the transaction was made, in Unix seconds.
    """

    date: date
    transaction: str
    number: int
    part: Part
    account: Account
    amount: int
    currency: str
    category: str
    source: str
    created: int

    @property
    def debit(self) -> int:
        return max(self.amount, 0)

    @property
    def credit(self) -> int:
        return max(-self.amount, 0)


def entry(row: BalanceRow, chart: Chart, zone: ZoneInfo, first_open: date | None = None) -> list[Line]:
    """Post one transaction.

    Args:
        row: What `check_rows` holds of, and the chart has accounts for.
        chart: Where it is posted.
        zone: The reporting time zone.
        first_open: The first day that is not closed. What is older, and comes late, is posted on it.

    Returns:
        Its lines; also those that come to nothing, so that every transaction is in the journal.
    """
    posted = local_date(row.created, zone)
    if first_open is not None:
        posted = max(posted, first_open)
    parts: list[tuple[Part, Account | None, int, str]] = [
        ("net", chart.balance, row.net, row.category),
        *(_fee(fee, chart) for fee in row.fees),
        ("amount", chart.of_row(row), -row.amount, row.category),
    ]
    return [
        Line(posted, row.id, number, part, _there(account), amount, row.currency, category, row.source, row.created)
        for number, (part, account, amount, category) in enumerate(parts, 1)
    ]


def _fee(fee: Fee, chart: Chart) -> tuple[Part, Account | None, int, str]:
    return "fee", chart.of_fee(fee.type), fee.amount, fee.type


def _there(account: Account | None) -> Account:
    assert account is not None, "check_mapped comes before"
    return account


def journal(rows: Iterable[BalanceRow], chart: Chart, zone: ZoneInfo, first_open: date | None = None) -> list[Line]:
    """Post transactions, in the order in which they come."""
    return [line for row in rows for line in entry(row, chart, zone, first_open)]


def entries(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Cut a journal into its entries."""
    whole = list[Line]()
    for line in lines:
        if whole and whole[0].transaction != line.transaction:
            yield whole
            whole = []
        whole.append(line)
    if whole:
        yield whole


def check_journal(lines: Sequence[Line], rows: Sequence[BalanceRow]) -> None:
    """See that the journal balances, and posts what it was made of: all of it, and once.

    Raises:
        BooksError: It does not.
    """
    debits, credits, unbalanced = Counter[str](), Counter[str](), list[Difference]()
    posted, balance = Counter[str](), Counter[str]()
    mixed = list[Difference]()
    for one in entries(lines):
        id, currency = one[0].transaction, one[0].currency
        posted[id] += 1
        mixed += [Difference(id, currency, line.currency) for line in one if line.currency != currency]
        debit, credit = sum(line.debit for line in one), sum(line.credit for line in one)
        if debit != credit:
            unbalanced.append(Difference(f"{id}, debits", credit, debit, currency))
        for line in one:
            debits[line.currency] += line.debit
            credits[line.currency] += line.credit
            if line.part == "net":
                balance[line.currency] += line.amount
    stop_at("an entry is in two currencies", mixed)
    stop_at("debits are not credits in an entry", unbalanced)
    stop_at(
        "debits are not credits in a currency",
        [Difference(name.upper(), credits[name], debits[name], name) for name in sorted(debits | credits)
         if debits[name] != credits[name]],
    )  # fmt: skip
    there = Counter(row.id for row in rows)
    stop_at(
        "a transaction is not posted once",
        [
            Difference(f"{id}, times posted", there[id], posted[id])
            for id in sorted({*there, *posted})
            if not there[id] == posted[id] == 1
        ],
    )
    movement = sums(rows)
    stop_at(
        "the journal does not move Stripe's balance as its transactions do",
        [
            Difference(name.upper(), movement.get(name, 0), balance[name], name)
            for name in sorted({*movement, *balance})
            if movement.get(name, 0) != balance[name]
        ],
    )
