"""The journal as files: CSV for anything, and as NetSuite and QuickBooks Online import it.

Theirs is an entry a day and currency, cut where it grows long, of lines that each name their transaction. NetSuite's
help, "Journal Entry Import"; QuickBooks' help, "Import journal entries".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, TypeAlias

from prefect_stripe.flows.journal import Line, entries
from prefect_stripe.money import major_units

Entry: TypeAlias = tuple[str, list[Line]]
"""Its number, and its lines."""

PREFIX: Final = "STR"
"""What the numbers of those entries begin with, unless another is given.

One of four characters makes a number of 21, as many as QuickBooks takes.
"""

MOST_LINES: Final = 200
"""About how many lines an entry has at the most where other systems import it."""

COLUMNS: Final = (
    *("date", "transaction", "line", "part", "number", "account", "currency", "debit", "credit"),
    *("category", "source", "created"),
)


def generic(lines: Iterable[Line]) -> str:
    """Write the whole journal, an entry a transaction."""
    return _csv(
        COLUMNS,
        (
            (
                line.date.isoformat(),
                line.transaction,
                line.number,
                line.part,
                line.account.number,
                line.account.name,
                line.currency.upper(),
                _major(line.debit, line),
                _major(line.credit, line),
                line.category,
                line.source,
                datetime.fromtimestamp(line.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            for line in lines
        ),
    )


def transactions_in(text: str) -> dict[str, int]:
    """Return the transactions that a journal written by `generic` posts, and when each was created (Unix seconds)."""
    rows = csv.DictReader(io.StringIO(text))
    return {
        row["transaction"]: int(datetime.fromisoformat(row["created"]).timestamp())
        for row in rows
        if row["part"] == "net"
    }


def netsuite(lines: Iterable[Line], prefix: str) -> str:
    """Write the journal of one currency for NetSuite's CSV import of journal entries."""
    return _csv(
        ("External ID", "Date", "Currency", "Memo", "Account", "Debit", "Credit", "Line Memo"),
        (
            (
                number,
                _american(line),
                line.currency.upper(),
                "Stripe",
                f"{line.account.number} {line.account.name}".strip(),
                *_debit_and_credit(line),
                _memo(line),
            )
            for number, entry in _daily(lines, prefix)
            for line in entry
        ),
    )


def quickbooks(lines: Iterable[Line], prefix: str) -> str:
    """Write the journal of one currency for QuickBooks Online's import of journal entries."""
    return _csv(
        ("JournalNo", "JournalDate", "Currency", "AccountName", "Debits", "Credits", "Description", "Name"),
        (
            (
                number,
                _american(line),
                line.currency.upper(),
                line.account.name,
                *_debit_and_credit(line),
                _memo(line),
                line.account.party,
            )
            for number, entry in _daily(lines, prefix)
            for line in entry
        ),
    )


FORMATS: Final[Mapping[str, Callable[[Iterable[Line], str], str]]] = {"netsuite": netsuite, "quickbooks": quickbooks}


def files(lines: Sequence[Line], formats: Iterable[str], prefix: str = PREFIX) -> dict[str, str]:
    """Return the files of a journal, by name: `journal.csv`, and of each format one a currency."""
    currencies = sorted({line.currency for line in lines})
    return {"journal.csv": generic(lines)} | {
        f"{name}-{currency}.csv": FORMATS[name]([line for line in lines if line.currency == currency], prefix)
        for name in sorted(set(formats))
        for currency in currencies
    }


def _daily(lines: Iterable[Line], prefix: str) -> Iterator[Entry]:
    """Gather the entries of a day into larger ones, of which each balances as they do."""
    for day, posted in groupby(sorted(lines, key=_when), key=lambda line: line.date):
        gathered = list[Line]()
        count = 1
        for one in entries(posted):
            if gathered and len(gathered) + len(one) > MOST_LINES:
                yield f"{prefix}-{gathered[0].currency.upper()}-{day:%Y%m%d}-{count:03}", gathered
                gathered, count = [], count + 1
            # They refuse a line over nothing.
            gathered += [line for line in one if line.amount]
        if gathered:
            yield f"{prefix}-{gathered[0].currency.upper()}-{day:%Y%m%d}-{count:03}", gathered


def _when(line: Line) -> Any:
    return line.date, line.created, line.transaction, line.number


def _debit_and_credit(line: Line) -> tuple[str, str]:
    return (_major(line.debit, line) if line.debit else "", _major(line.credit, line) if line.credit else "")


def _major(amount: int, line: Line) -> str:
    return str(major_units(amount, line.currency))


def _american(line: Line) -> str:
    return line.date.strftime("%m/%d/%Y")


def _memo(line: Line) -> str:
    return " ".join(part for part in (line.category, line.transaction, line.source) if part)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    # Always the same line ends: a second run is the same to the byte, on any system.
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue()
