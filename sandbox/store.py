"""What the sandbox remembers: one account a mode and `Stripe-Account`, tables of objects in Stripe's own JSON.

Keys of a row that begin with an underscore are the sandbox's own and never leave it.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from prefect_stripe.sandbox.idempotency import Keys
from prefect_stripe.sandbox.index import SearchIndex
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.schedule import Schedule

Index: TypeAlias = Callable[[Row], str | None]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

PREFIXES: Mapping[str, str] = {
    "balance_transaction": "txn",
    "charge": "ch",
    "customer": "cus",
    "customer_cash_balance_transaction": "ccsbtxn",
    "dispute": "dp",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "item": "li",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_link": "plink",
    "payment_method": "pm",
    "payment_record": "pr",
    "payout": "po",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "subscription": "sub",
    "subscription_item": "si",
}
_SHORT = {"customer", "product", "subscription_item"}


def _letters(length: int) -> str:
    number = secrets.randbits(6 * length)
    return "".join(_ALPHABET[(number >> (6 * place) & 63) % 62] for place in range(length))


def new_id(object: str) -> str:
    """An id as Stripe makes them; callers must not know more of it than its prefix."""
    return f"{PREFIXES[object]}_{_letters(14) if object in _SHORT else '1' + _letters(23)}"


def secret_letters(length: int = 25) -> str:
    return _letters(length)


def invoice_prefix() -> str:
    return _letters(8).upper()


def request_id() -> str:
    return f"req_{_letters(14)}"


def _field(name: str) -> Index:
    return lambda row: row.get(name)


INDEXES: Mapping[str, Mapping[str, Index]] = {
    "balance_transaction": {"source": _field("source"), "payout": _field("_payout")},
    "charge": {"customer": _field("customer"), "payment_intent": _field("payment_intent")},
    "customer": {"email": _field("email")},
    "dispute": {"charge": _field("charge")},
    "invoice": {"customer": _field("customer"), "number": _field("number")},
    "invoice_payment": {
        "invoice": _field("invoice"),
        "payment_intent": lambda row: row["payment"].get("payment_intent"),
    },
    "invoiceitem": {
        "customer": _field("customer"),
        "invoice": _field("invoice"),
        "pending": lambda row: row["customer"] if row["invoice"] is None else None,
    },
    "item": {"payment_link": _field("_payment_link")},
    "line_item": {"invoice": _field("invoice"), "invoiceitem": _field("_invoiceitem")},
    "payment_intent": {"customer": _field("customer")},
    "payment_method": {"customer": _field("customer")},
    "price": {"product": _field("product"), "lookup_key": _field("lookup_key")},
    "refund": {"charge": _field("charge")},
    "subscription": {"customer": _field("customer")},
    "subscription_item": {"subscription": _field("subscription")},
}


class Table:
    """The objects of one type, in the order in which they were made, with the indexes above."""

    def __init__(self, object: str) -> None:
        self.rows: dict[str, Row] = {}
        self._order: list[str] = []
        self._place: dict[str, int] = {}
        self._index = INDEXES.get(object, {})
        self._by: dict[str, dict[str, list[int]]] = {name: {} for name in self._index}

    def put(self, row: Row) -> None:
        """Add a row, or restore one that was removed to its place."""
        id = row["id"]
        if id not in self._place:
            self._place[id] = len(self._order)
            self._order.append(id)
        self.rows[id] = row
        for name, value in self._values(row):
            self._enter(name, value, self._place[id])

    def place(self, id: str) -> int:
        """Return as which of its type an object was made."""
        return self._place[id]

    def change(self, row: Row, fields: Mapping[str, Any]) -> Row:
        """Set fields in place; return the former values, with `_ABSENT` for those that were not there."""
        place, before = self._place[row["id"]], self._values(row)
        former = {name: row.get(name, _ABSENT) for name in fields}
        for name, value in fields.items():
            if value is _ABSENT:
                row.pop(name, None)
            else:
                row[name] = value
        for (name, old), (_, new) in zip(before, self._values(row), strict=True):
            if old != new:
                self._leave(name, old, place)
                self._enter(name, new, place)
        return former

    def remove(self, id: str) -> Row:
        row = self.rows.pop(id)
        for name, value in self._values(row):
            self._leave(name, value, self._place[id])
        return row

    def newest_first(self, index: str | None = None, value: str | None = None) -> Iterator[Row]:
        return self._walk(index, value, None, backwards=True)

    def oldest_first(self, index: str | None = None, value: str | None = None) -> Iterator[Row]:
        return self._walk(index, value, None, backwards=False)

    def beyond(self, cursor: str, index: str | None, value: str | None, *, backwards: bool) -> Iterator[Row]:
        """Rows on one side of the cursor's place: older ones going backwards, newer ones otherwise."""
        return self._walk(index, value, self._place[cursor], backwards=backwards)

    def _walk(self, index: str | None, value: str | None, cursor: int | None, *, backwards: bool) -> Iterator[Row]:
        places = self._by[index].get(value or "", []) if index else range(len(self._order))
        if backwards:
            span = range((len(places) if cursor is None else bisect_left(places, cursor)) - 1, -1, -1)
        else:
            span = range(0 if cursor is None else bisect_left(places, cursor + 1), len(places))
        for at in span:
            row = self.rows.get(self._order[places[at]])
            if row is not None:
                yield row

    def _values(self, row: Row) -> list[tuple[str, str | None]]:
        return [(name, of(row)) for name, of in self._index.items()]

    def _enter(self, name: str, value: str | None, place: int) -> None:
        if value is not None:
            places = self._by[name].setdefault(value, [])
            if not places or places[-1] < place:
                places.append(place)
            else:
                places.insert(bisect_left(places, place), place)

    def _leave(self, name: str, value: str | None, place: int) -> None:
        if value is not None:
            places = self._by[name][value]
            del places[bisect_left(places, place)]


_ABSENT: Any = object()


@dataclass
class Account:
    """Everything of one account in one mode."""

    id: str
    livemode: bool
    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    keys: Keys = field(default_factory=Keys)
    schedule: Schedule = field(default_factory=Schedule)
    index: SearchIndex = field(default_factory=SearchIndex)
    settings: dict[str, Any] = field(default_factory=lambda: {"currency": "usd", "country": "US", "name": "Sandbox"})

    def table(self, object: str) -> Table:
        found = self.tables.get(object)
        if found is None:
            found = self.tables[object] = Table(object)
        return found

    def get(self, object: str, id: str | None) -> Row | None:
        return self.table(object).rows.get(id) if id else None


@dataclass
class Store:
    """Accounts by mode and name."""

    accounts: dict[tuple[bool, str], Account] = field(default_factory=dict[tuple[bool, str], Account])

    def account(self, livemode: bool, name: str) -> Account:
        found = self.accounts.get((livemode, name))
        if found is None:
            found = self.accounts[livemode, name] = Account(name, livemode)
        return found

    def in_other_mode(self, account: Account, object: str, id: str) -> str | None:
        """The mode, "live" or "test", in which there is an object of this id, when it is not the account's own."""
        twin = self.accounts.get((not account.livemode, account.id))
        if twin is None or twin.get(object, id) is None:
            return None
        return "live" if twin.livemode else "test"

    def clear(self) -> None:
        self.accounts.clear()
