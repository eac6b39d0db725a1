"""The last step of the demo: the month of its orders is over, and is closed into a journal that ties to the cent."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prefect_stripe.sandbox import Sandbox

if TYPE_CHECKING:
    from prefect_stripe.blocks import StripeCredentials

DAYS_AFTER: Final = 4
"""So long after the month's end it is closed: what was on its way to the bank has arrived."""

TITLE: Final = "\nThe books of {month}, by what was written into {file}"


def show_books(sandbox: Sandbox, credentials: StripeCredentials, console: Console) -> bool:
    """Go to the next month, close the one of the orders, twice, and say whether it ties."""
    month = datetime.fromtimestamp(sandbox.clock.time(), UTC)
    following = (month.replace(day=1) + timedelta(days=31)).replace(day=DAYS_AFTER)
    sandbox.clock.advance(following - month)
    sandbox.catch_up()
    with TemporaryDirectory() as folder:
        closed = Path(folder, f"{month:%Y-%m}")
        report = _close(folder, f"{month:%Y-%m}", credentials)
        if isinstance(report, Exception):
            console.print(f"[red]{escape(str(report))}[/]", soft_wrap=True)
            return False
        before = {path.name: path.read_bytes() for path in closed.iterdir()}
        again = _close(folder, f"{month:%Y-%m}", credentials)
        same = before == {path.name: path.read_bytes() for path in closed.iterdir()}
        ties = print_journal(closed / "journal.csv", console)
    count = report["transactions"]
    words = f"{count} transaction{'s' * (count != 1)}, each posted once, between the balances that Stripe states; "
    words += f"{len(before)} files" + (", closed again the same to the byte." if same else ".")
    sound = ties and same and not isinstance(again, Exception)
    console.print(f"[green]{words}[/]" if sound else f"[bold red]The books do not tie. {escape(words)}[/]")
    return sound


def _close(folder: str, month: str, credentials: StripeCredentials) -> Any:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from prefect_stripe.flows import close_month

    # With heartbeats a run waits at its end, for up to a second, for the thread that sends them.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        state: Any = close_month(folder, month=month, credentials=credentials, return_state=True)
    return state.result(raise_on_failure=False)


def print_journal(journal: Path, console: Console) -> bool:
    """Show each account's movement by currency, debits less credits, and say whether they come to nothing."""
    sums, accounts = Counter[tuple[str, str]](), dict[str, str]()
    with journal.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            accounts[line["number"]] = line["account"]
            sums[line["number"], line["currency"]] += _signed(line)
    currencies = sorted({currency for _, currency in sums})
    table = Table(
        "account",
        title=TITLE.format(month=journal.parent.name, file=journal.name),
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for currency in currencies:
        table.add_column(currency, justify="right")
    for number, name in sorted(accounts.items()):
        cells = (f"{sums[number, one]:,}" if (number, one) in sums else "" for one in currencies)
        table.add_row(f"{number} {name}", *cells)
    totals = [sum((sums[number, one] for number in accounts if (number, one) in sums), Decimal()) for one in currencies]
    table.add_section()
    table.add_row("debits less credits", *(f"{total:,}" for total in totals))
    console.print(table)
    return not any(totals)


def _signed(line: dict[str, str]) -> Any:
    return Decimal(line["debit"]) - Decimal(line["credit"])
