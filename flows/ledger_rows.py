"""Balance transactions as the books need them, and what must hold of each before anything is posted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias, cast

from prefect_stripe.money import CURRENCIES, format_amount

Sums: TypeAlias = dict[str, int]
"""Minor units by currency: the only shape in which amounts of several currencies stand side by side."""

MOST_TOLD: Final = 20
"""How many differences an error tells of; it carries all of them."""


class Fee(NamedTuple):
    """A part of a transaction's fee."""

    type: str
    amount: int


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One movement of the account's balance. All amounts are minor units of its currency.

    What may change after it was made (`status`, `available_on`, `description`) is left out: the books of a month that
    is closed would change with it.

    Attributes:
        id: Of the balance transaction (`txn_…`).
        created: In Unix seconds.
        currency: Of the balance that it moves, which may not be the charge's.
        amount: What moved, before the fee.
        fee: What Stripe and others keep of it.
        net: What the balance moved by.
        fees: What the fee is made of.
        category: Stripe's `reporting_category`.
        type: Stripe's `type`, finer in places.
        source: Id of the object that it came from, or nothing.
    """

    id: str
    created: int
    currency: str
    amount: int
    fee: int
    net: int
    fees: tuple[Fee, ...]
    category: str
    type: str
    source: str

    @property
    def at(self) -> datetime:
        """When it was created, in UTC."""
        return datetime.fromtimestamp(self.created, UTC)


@dataclass(frozen=True)
class Difference:
    """One thing that does not hold, with both figures.

    Attributes:
        about: What it does not hold of: a transaction, a payout, a currency.
        wanted: What it should be.
        found: What it is.
        currency: In which both are minor units; empty where they are no amounts.
    """

    about: str
    wanted: int | str
    found: int | str
    currency: str = ""

    def __str__(self) -> str:
        return f"{self.about}: {self.shown(self.wanted)} wanted, {self.shown(self.found)} found"

    def shown(self, figure: int | str) -> str:
        """Write one of its figures."""
        if isinstance(figure, int) and self.currency in CURRENCIES:
            return f"{format_amount(figure, self.currency)} ({figure})"
        return str(figure)


class BooksError(Exception):
    """The books do not tie: nothing was posted. Carries the figures that differ.

    Attributes:
        gate: Which condition does not hold, in words.
        differences: What it does not hold of.
    """

    def __init__(self, gate: str, differences: Iterable[Difference]) -> None:
        super().__init__(gate, differences)
        self.gate, self.differences = gate, tuple(differences)

    def __str__(self) -> str:
        told = "; ".join(map(str, self.differences[:MOST_TOLD]))
        more = len(self.differences) - MOST_TOLD
        return f"{self.gate}: {told}{f'; and {more} more' if more > 0 else ''}"

    def __reduce__(self) -> tuple[type[BooksError], tuple[str, tuple[Difference, ...]]]:
        return BooksError, (self.gate, self.differences)


def stop_at(gate: str, differences: Iterable[Difference]) -> None:
    """Go on only where there are no differences.

    Raises:
        BooksError: There are some.
    """
    if found := tuple(differences):
        raise BooksError(gate, found)


def row_of(transaction: Mapping[str, Any]) -> BalanceRow:
    """Take from a balance transaction, as Stripe sent it, what the books need.

    Raises:
        BooksError: It is of a balance other than that of payments, or is not what Stripe's reference says it is.
    """
    id = str(transaction.get("id"))
    balance = transaction.get("balance_type", "payments")
    stop_at(
        "the journal is of the payments balance alone",
        [] if balance == "payments" else [Difference(f"{id} (balance_type)", "payments", str(balance))],
    )
    try:
        currency = _text(transaction["currency"])
        details = [(_text(fee["type"]), _whole(fee["amount"]), fee["currency"]) for fee in transaction["fee_details"]]
        row = BalanceRow(
            id=_text(transaction["id"]),
            created=_whole(transaction["created"]),
            currency=currency,
            amount=_whole(transaction["amount"]),
            fee=_whole(transaction["fee"]),
            net=_whole(transaction["net"]),
            fees=tuple(Fee(type, amount) for type, amount, _ in details),
            category=_text(transaction["reporting_category"]),
            type=_text(transaction["type"]),
            source=id_of(transaction["source"]),
        )
    except (KeyError, TypeError) as error:
        raise BooksError("not a balance transaction", [Difference(id, "every field of one", repr(error))]) from error
    stop_at(
        "a fee is in another currency than its transaction",
        [Difference(id, currency, str(other)) for _, _, other in details if other != currency],
    )
    return row


def id_of(reference: object) -> str:
    """Return the id of another object, expanded or not, or nothing where there is none."""
    if isinstance(reference, dict):
        return _text(cast(dict[str, Any], reference)["id"])
    return _text(reference) if reference else ""


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no integer")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is no text")
    return value


def in_order(row: BalanceRow) -> tuple[int, str]:
    """Say where a row stands: by its time, then its id, whatever order a list came in."""
    return row.created, row.id


def check_rows(rows: Iterable[BalanceRow]) -> None:
    """See that each row adds up by itself, and that none is there twice.

    Raises:
        BooksError: One does not, or is.
    """
    unknown, nets, fees = list[Difference](), list[Difference](), list[Difference]()
    seen = Counter[str]()
    for row in rows:
        seen[row.id] += 1
        if row.currency not in CURRENCIES:
            unknown.append(Difference(row.id, "a currency of Stripe's", row.currency))
        if row.net != row.amount - row.fee:
            nets.append(Difference(row.id, row.amount - row.fee, row.net, row.currency))
        if row.fee != sum(fee.amount for fee in row.fees):
            fees.append(Difference(row.id, row.fee, sum(fee.amount for fee in row.fees), row.currency))
    stop_at("a currency is not known", unknown)
    stop_at("net is not amount less fee", nets)
    stop_at("a fee is not the sum of its details", fees)
    stop_at("a transaction is there twice", [Difference(id, 1, count) for id, count in seen.items() if count > 1])


def sums(rows: Iterable[BalanceRow]) -> Sums:
    """Return what the balance moved by, in each currency."""
    totals: Sums = {}
    for row in rows:
        totals[row.currency] = totals.get(row.currency, 0) + row.net
    return totals


def differences(
    opening: Mapping[str, int], movement: Mapping[str, int], closing: Mapping[str, int]
) -> list[Difference]:
    """Return in which currencies what there was, and what moved, do not make what there is."""
    return [
        Difference(
            f"{currency.upper()}, {opening.get(currency, 0)} and {movement.get(currency, 0)}",
            closing.get(currency, 0),
            opening.get(currency, 0) + movement.get(currency, 0),
            currency,
        )
        for currency in sorted({*opening, *movement, *closing})
        if opening.get(currency, 0) + movement.get(currency, 0) != closing.get(currency, 0)
    ]


def check_balances(
    opening: Mapping[str, int], movement: Mapping[str, int], closing: Mapping[str, int], *, though: str = ""
) -> None:
    """See that what there was, and what moved, make what there is, in each currency.

    Args:
        opening: What there was.
        movement: What moved.
        closing: What there is.
        though: What to say beside it where they do not: what was tried, and what can be done.

    Raises:
        BooksError: They do not.
    """
    stop_at(
        f"opening balance and movement do not make the closing balance{though}",
        differences(opening, movement, closing),
    )
