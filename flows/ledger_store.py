"""The ledger: the journal's lines in a table of a database, each transaction once, however many write to it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, Column, Date, Integer, MetaData, String, Table, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.sql import func

from prefect_stripe.flows.accounts import Account
from prefect_stripe.flows.databases import engine_at, reason_of, shown, url_at
from prefect_stripe.flows.journal import Line, entries
from prefect_stripe.flows.ledger_rows import Difference, stop_at
from prefect_stripe.flows.months import Month

T = TypeVar("T")

VARIABLE: Final = "STRIPE_LEDGER"
TRIES: Final = 10
AT_ONCE: Final = 500
"""How many transactions are asked for, or written, in one statement."""

_METADATA: Final = MetaData()

LINES: Final = Table(
    "journal_lines",
    _METADATA,
    Column("stripe_account", String(64), primary_key=True),
    Column("transaction_id", String(255), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("posted_on", Date, nullable=False, index=True),
    Column("part", String(8), nullable=False),
    Column("account_number", String(64), nullable=False),
    Column("account", String(255), nullable=False),
    Column("party", String(255), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("category", String(64), nullable=False),
    Column("source", String(255), nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
)
"""What is debited and credited are minor units of the currency; `created` is in Unix seconds."""

BOOKS: Final = Table(
    "journal_books",
    _METADATA,
    Column("stripe_account", String(64), primary_key=True),
    Column("time_zone", String(64), nullable=False),
    Column("first_day", Date, nullable=False),
)
"""Since when an account's transactions are posted, and in which zone's days."""

CLOSED: Final = Table(
    "journal_closed_months",
    _METADATA,
    Column("stripe_account", String(64), primary_key=True),
    Column("month", String(7), primary_key=True),
)


class LedgerError(Exception):
    """The ledger cannot be used as it is asked for."""


def ledger_at(place: str, account: str, time_zone: str) -> Ledger | None:
    """Open a ledger, or the one that the environment names; None where there is neither.

    Raises:
        LedgerError: It cannot be opened; or a password stands where everybody reads it.
    """
    try:
        url = url_at(place, VARIABLE, "sqlite")
    except ValueError as error:
        raise LedgerError(f"the ledger cannot be used: {error}") from error
    return Ledger(url, account, time_zone) if url else None


class Ledger:
    """An account's lines in a database."""

    def __init__(self, url: URL, account: str, time_zone: str) -> None:
        """Open it, and make its tables where they are missing.

        Raises:
            LedgerError: It cannot be opened.
        """
        self.account, self.time_zone = account, time_zone
        self._shown = shown(url)
        with self._told():
            self._engine = engine_at(url)
        self._retried(lambda: _METADATA.create_all(self._engine))

    def __repr__(self) -> str:
        return f"Ledger({self._shown!r}, {self.account!r})"

    def begin(self, first_day: date) -> date:
        """Say since when transactions are posted here; the first who asks decides.

        Raises:
            LedgerError: It is kept in another time zone.
        """
        new = {"stripe_account": self.account, "time_zone": self.time_zone, "first_day": first_day}
        there = self._retried(lambda: self._get_or_add(new))
        if there["time_zone"] != self.time_zone:
            raise LedgerError(f"the ledger is kept in {there['time_zone']}, not in {self.time_zone}")
        found: date = there["first_day"]
        return found

    def _get_or_add(self, new: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._engine.begin() as connection:
            query = select(BOOKS).where(BOOKS.c.stripe_account == self.account)
            there = connection.execute(query).mappings().first()
            if there is None:
                connection.execute(BOOKS.insert(), [dict(new)])
            return dict(there or new)

    def begun(self) -> date | None:
        """Return the day since when transactions are posted here, or None where none ever was."""
        with self._told(), self._engine.connect() as connection:
            found: date | None = connection.execute(
                select(BOOKS.c.first_day).where(BOOKS.c.stripe_account == self.account)
            ).scalar()
        return found

    def newest(self) -> int | None:
        """Return when the newest transaction was created, in Unix seconds, or None where there is none."""
        with self._told(), self._engine.connect() as connection:
            found: int | None = connection.execute(
                select(func.max(LINES.c.created)).where(LINES.c.stripe_account == self.account)
            ).scalar()
        return found

    def check_account(self, there: set[str]) -> None:
        """See that the newest transactions are at Stripe: there, none is ever deleted.

        Args:
            there: The transactions that Stripe has since the newest.

        Raises:
            LedgerError: They are not: the key is another account's.
        """
        newest = self.newest()
        with self._told(), self._engine.connect() as connection:
            ids = connection.execute(
                select(LINES.c.transaction_id).where(LINES.c.stripe_account == self.account, LINES.c.created == newest)
            ).scalars()
            if missing := sorted({*ids} - there):
                raise LedgerError(
                    f"the ledger holds {missing[0]}, which this account has not: name another ledger, or other "
                    "credentials"
                )

    def first_open(self) -> date | None:
        """Return the first day that is not in a closed month, or None where no month was closed."""
        with self._told(), self._engine.connect() as connection:
            last: str | None = connection.execute(
                select(func.max(CLOSED.c.month)).where(CLOSED.c.stripe_account == self.account)
            ).scalar()
        return Month.parse(last).after.first if last else None

    def post(self, lines: Iterable[Line]) -> list[str]:
        """Post those of some transactions that are not there yet, all of them or none.

        Whoever else posts them at the same time is waited for, and each is there once.

        Returns:
            The transactions that were posted now.
        """
        whole = {one[0].transaction: one for one in entries(lines)}
        return self._retried(lambda: self._post(whole))

    def _post(self, whole: Mapping[str, Sequence[Line]]) -> list[str]:
        posted = list[str]()
        with self._engine.begin() as connection:
            for ids in _cut(whole, AT_ONCE):
                query = select(LINES.c.transaction_id).where(
                    LINES.c.stripe_account == self.account, LINES.c.transaction_id.in_(ids)
                )
                there = set(connection.execute(query.distinct()).scalars())
                missing = [id for id in ids if id not in there]
                if missing:
                    connection.execute(LINES.insert(), [self._row(line) for id in missing for line in whole[id]])
                posted += missing
        return posted

    def check(self, lines: Iterable[Line], first: date, after: date) -> None:
        """See that what is posted on some days is in a journal, as it is there.

        What is in the journal and not here is no difference: it is yet to be posted.

        Raises:
            BooksError: There is more here, or it is other.
        """
        wanted = {(line.transaction, line.number): self._row(line) for line in lines}
        query = select(LINES).where(
            LINES.c.stripe_account == self.account, LINES.c.posted_on >= first, LINES.c.posted_on < after
        )
        with self._told(), self._engine.connect() as connection:
            there = {(row["transaction_id"], row["line"]): dict(row) for row in connection.execute(query).mappings()}
        posted = {id for id, _ in there}
        others = list[Difference]()
        for key in sorted({*there, *(key for key in wanted if key[0] in posted)}):
            if wanted.get(key) != there.get(key):
                id, number = key
                others.append(Difference(f"{id}, line {number}", _in_words(wanted.get(key)), _in_words(there.get(key))))
        stop_at("the ledger holds something else than the journal", others)
        elsewhere = self._of({id for id, _ in wanted.keys() - there.keys()})
        stop_at(
            "the ledger holds a transaction on another day than the journal",
            [Difference(id, str(wanted[id, 1]["posted_on"]), str(day)) for id, day in sorted(elsewhere.items())],
        )

    def _of(self, ids: Iterable[str]) -> dict[str, date]:
        found = dict[str, date]()
        with self._told(), self._engine.connect() as connection:
            for some in _cut(sorted(ids), AT_ONCE):
                query = select(LINES.c.transaction_id, LINES.c.posted_on).where(
                    LINES.c.stripe_account == self.account, LINES.c.transaction_id.in_(some)
                )
                found |= {row.transaction_id: row.posted_on for row in connection.execute(query)}
        return found

    def close(self, month: Month) -> None:
        """Keep in mind that a month is closed: what comes late is posted after it from now on."""
        new = {"stripe_account": self.account, "month": str(month)}

        def add() -> None:
            with self._engine.begin() as connection:
                query = select(CLOSED.c.month).where(
                    CLOSED.c.stripe_account == self.account, CLOSED.c.month == str(month)
                )
                if connection.execute(query).first() is None:
                    connection.execute(CLOSED.insert(), [new])

        self._retried(add)

    def lines(self) -> list[Line]:
        """Read all that is posted, in the order of the journal."""
        query = select(LINES).where(LINES.c.stripe_account == self.account)
        order = (LINES.c.created, LINES.c.transaction_id, LINES.c.line)
        with self._told(), self._engine.connect() as connection:
            return [_line(dict(row)) for row in connection.execute(query.order_by(*order)).mappings()]

    def _row(self, line: Line) -> dict[str, Any]:
        return {
            "stripe_account": self.account,
            "transaction_id": line.transaction,
            "line": line.number,
            "posted_on": line.date,
            "part": line.part,
            "account_number": line.account.number,
            "account": line.account.name,
            "party": line.account.party,
            "currency": line.currency,
            "debit": line.debit,
            "credit": line.credit,
            "category": line.category,
            "source": line.source,
            "created": line.created,
        }

    def _retried(self, work: Callable[[], T]) -> T:
        """Do it again where somebody else was first with the same: then it is there, and is found."""
        with self._told():
            for _ in range(TRIES - 1):
                try:
                    return work()
                except (IntegrityError, ProgrammingError):  # a row, or a table, that is there already
                    continue
            return work()

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except (SQLAlchemyError, ImportError) as error:
            raise LedgerError(f"the ledger {getattr(self, '_shown', '')} cannot be used: {reason_of(error)}") from error


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        row["posted_on"],
        row["transaction_id"],
        row["line"],
        row["part"],
        Account(row["account_number"], row["account"], row["party"]),
        row["debit"] - row["credit"],
        row["currency"],
        row["category"],
        row["source"],
        row["created"],
    )


def _in_words(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "nothing"
    return f"{row['posted_on']} {row['account']}, {row['debit']} debit, {row['credit']} credit ({row['currency']})"


def _cut(some: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(some)
    while part := list(islice(left, size)):
        yield part
