"""A file of orders becomes invoices, twice, and their month is closed: on a Prefect server and a Stripe of its own.

Both are gone when it ends.

    make demo

With `STRIPE_API_KEY` set to a test key it runs against Stripe's test mode instead of the sandbox. The orders keep
their numbers there as well: run again, on any day and from any machine, it finds the invoices that it made.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from demo_books import show_books
from only_test_keys import problem_of
from pydantic import SecretStr
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from temporary_prefect import temporary_prefect

from prefect_stripe.client import Call, StripeClient, StripeError
from prefect_stripe.money import format_amount
from prefect_stripe.sandbox import Sandbox

# What loads Prefect is imported where it is used: the environment must name the temporary server before.
if TYPE_CHECKING:
    from prefect_stripe.blocks import StripeCredentials
    from prefect_stripe.flows import InvoiceOrder, InvoiceOutcome
    from prefect_stripe.flows.order_files import OrderFile

ORDERS: Final = Path(__file__).with_name("orders.csv")

CREATIONS: Final = {
    "customers": ("customer.created",),
    "invoices": ("invoice.created",),
    "invoice items": ("invoiceitem.created",),
    "charges": ("charge.succeeded", "charge.failed", "charge.pending"),
}
"""What must not be made twice, and the sandbox's words for its being made."""

AS_ORDERED: Final = {
    "paid_out_of_band": "sent, and paid by bank transfer",
    "wait": "sent, and waiting to be paid",
    "mark_uncollectible": "sent, and written off",
    "void": "sent, and voided",
}
"""What became of an order that has no reason of its own, by its settlement."""

COLOURS: Final = {"done": "green", "found_done": "green", "rejected": "red", "failed": "bold red"}

Counts = dict[str, int]

# Where the output goes into a file or a log there is no width to ask for.
console = Console(width=None if sys.stdout.isatty() else 120, highlight=False, emoji=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Returns:
        0 if each order ended as it should, nothing was made twice, and the books tie, 1 if not, 2 if it could not
        begin, 130 if it was interrupted.
    """
    options = _options(arguments)
    key = os.environ.get("STRIPE_API_KEY", "")
    if problem := problem_of(key) or (None if options.orders.is_file() else f"There is no file {options.orders}."):
        console.print(f"[red]{escape(problem)}[/] Nothing was started.", soft_wrap=True)
        return 2
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        with ExitStack() as stack:
            sandbox = stack.enter_context(_stripe(key))
            with console.status("a Prefect server starts, which takes some twenty seconds"):
                address = stack.enter_context(temporary_prefect())
            console.print(f"[bold]Prefect[/] {address} is where to watch it")
            stack.callback(_tell_prefect_everything)
            sound = show(options.orders, sandbox)
            if options.keep:
                with suppress(EOFError):
                    console.input(f"\n{address} stays up until you press Enter ")
            return 0 if sound else 1
    except StripeError as error:
        console.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        words = "\nInterrupted, and ended. An order that was begun goes on where it stopped when it is run again."
        console.print(words, soft_wrap=True)
        return 130


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Orders become invoices on a Prefect server; then all of them again.")
    parser.add_argument("orders", type=Path, nargs="?", default=ORDERS, help="CSV of orders (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the Prefect server up until Enter is pressed")
    return parser.parse_args(arguments)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _stripe(key: str) -> Generator[Sandbox | None]:
    """Start the sandbox, unless there is a key to be used at Stripe."""
    if key:
        console.print("[bold]Stripe[/]  the test mode of your STRIPE_API_KEY")
        yield None
        return
    with Sandbox.start() as sandbox:
        console.print(f"[bold]Stripe[/]  {sandbox.url}, the sandbox")
        yield sandbox


def _tell_prefect_everything() -> None:
    """Hand over the log lines and events that are on their way, before the server ends."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogHandler

    APILogHandler().flush()
    EventsWorker.drain_all()


# The orders


def show(path: Path, sandbox: Sandbox | None) -> bool:
    """Run the file twice, and say whether all is as it should be."""
    from prefect_stripe.blocks import StripeCredentials
    from prefect_stripe.flows.order_files import read_orders
    from prefect_stripe.flows.order_rows import OrderFileError

    if sandbox:
        credentials = StripeCredentials(api_key=SecretStr(sandbox.api_key), api_base=sandbox.url)
    else:
        credentials = StripeCredentials.from_environment()

    try:
        file = read_orders(path)
    except OrderFileError as error:
        console.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        return False

    def count() -> Counts:
        return count_in_ledger(sandbox) if sandbox else count_at_stripe(credentials, first)

    with TemporaryDirectory() as folder:
        first = _invoice(path, file, credentials, "first pass ", Path(folder, "first"))
        print_orders(file, first)
        print_totals(first)
        before = count()
        second = _invoice(path, file, credentials, "second pass", Path(folder, "second"))
    same = print_passes(before, count(), first, second)
    complete = len(first) == len(second) == len(file.orders) + len(file.rejects)
    # At Stripe the month goes on.
    ties = show_books(sandbox, credentials, console) if sandbox else True
    return same and complete and ties and not any(outcome.ending == "failed" for outcome in (*first, *second))


def _invoice(
    path: Path, file: OrderFile, credentials: StripeCredentials, title: str, folder: Path
) -> list[InvoiceOutcome]:
    """Put the file through the flow, and read what became of each order; the bar shows what is written down by then."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from prefect_stripe.flows import BatchError, invoice_batch

    folder.mkdir()
    outcomes, rejects = folder / "outcomes.csv", folder / "rejects.csv"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # With heartbeats a run waits at its end, for up to a second, for the thread that sends them.
    no_heartbeats = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    ended = Event()
    with no_heartbeats, Progress(*columns, console=console) as progress:
        bar = progress.add_task(title, total=len(file.orders) + len(file.rejects))

        def follow() -> None:
            while not ended.wait(0.1):
                progress.update(bar, completed=len(_read(outcomes)))

        follower = Thread(target=follow)
        follower.start()
        try:
            state: Any = invoice_batch(
                str(path),
                credentials,
                outcomes_file=str(outcomes),
                rejects_file=str(rejects),
                chunk_size=3,
                return_state=True,
            )
        finally:
            ended.set()
            follower.join()
        error = state.result(raise_on_failure=False)
        if isinstance(error, Exception) and not isinstance(error, BatchError):
            raise error
        read = _read(outcomes)
        progress.update(bar, completed=len(read))
    return read


def _read(path: Path) -> list[InvoiceOutcome]:
    from prefect_stripe.flows import InvoiceOutcome

    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    return [InvoiceOutcome.model_validate_strings({"external_id": "", **row}) for row in rows if row.get("ending")]


# What came of them


def print_orders(file: OrderFile, outcomes: list[InvoiceOutcome]) -> None:
    # A narrow terminal has no room for the names beside the reasons.
    wide = console.width >= 100
    table = Table(
        "order", title="\nOrders", title_justify="left", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False
    )
    if wide:
        table.add_column("customer")
    table.add_column("invoice", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column("state")
    table.add_column("why", overflow="fold")
    ended = {outcome.external_id: outcome for outcome in outcomes}
    lines = {
        file.rows[order.external_id][0]: _cells(order, ended[order.external_id])
        for order in file.orders
        if order.external_id in ended
    }
    for reject in file.rejects:
        lines[reject.rows[0]] = (reject.external_id, "", "", "", "[red]rejected[/]", escape(reject.reason))
    for _, line in sorted(lines.items()):
        table.add_row(*(line if wide else (line[0], *line[2:])))
    console.print(table)


def _cells(order: InvoiceOrder, outcome: InvoiceOutcome) -> tuple[str, ...]:
    ending = "" if outcome.ending in {"done", "found_done"} else outcome.ending.replace("_", " ")
    state = ", ".join(filter(None, (ending, outcome.status)))
    total = "" if outcome.total is None or not outcome.currency else format_amount(outcome.total, outcome.currency)
    return (
        order.external_id,
        escape(order.customer_name or order.customer_external_id or order.customer_email or outcome.customer or ""),
        outcome.number or "",
        total,
        f"[{COLOURS.get(outcome.ending, 'yellow')}]{state}[/]",
        escape(outcome.reason or AS_ORDERED.get(order.settlement, "")),
    )


def print_totals(outcomes: list[InvoiceOutcome]) -> None:
    """Add up by currency and state; amounts in different currencies are never added."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        if outcome.currency and outcome.status and outcome.total is not None:
            sums[outcome.currency][outcome.status] += outcome.total
    states = [
        state for state in ("paid", "open", "uncollectible", "void", "draft") if any(state in s for s in sums.values())
    ]
    table = Table(
        "currency", title="\nTotals", title_justify="left", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False
    )
    for state in states:
        table.add_column(state, justify="right")
    for currency, sum_ in sorted(sums.items()):
        cells = (format_amount(sum_[state], currency).rpartition(" ")[0] if state in sum_ else "" for state in states)
        table.add_row(currency.upper(), *cells)
    console.print(table)


def print_passes(before: Counts, after: Counts, first: list[InvoiceOutcome], second: list[InvoiceOutcome]) -> bool:
    table = Table(
        "made of these orders",
        title="\nThe same file again",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for heading in ("after the first pass", "after the second", "made twice"):
        table.add_column(heading, justify="right")
    for name, count in after.items():
        table.add_row(name, str(before[name]), str(count), str(count - before[name]))
    console.print(table)
    moved = [
        outcome.external_id
        for outcome, now in zip(first, second, strict=True)
        if (outcome.invoice, outcome.status, outcome.total) != (now.invoice, now.status, now.total)
    ]
    if moved:
        console.print(f"[bold red]Not as they were after the first pass: {', '.join(moved)}[/]")
    elif before == after:
        console.print("[green]Nothing was made twice, and each order stands where it stood.[/]")
    else:
        console.print("[bold red]Something was made twice.[/]")
    return before == after and not moved


# Counting


def count_in_ledger(sandbox: Sandbox) -> Counts:
    """Count what was made in the sandbox, in its own append-only record of what really happened."""
    made = sandbox.ledger.counts()
    return {name: sum(made.get(kind, 0) for kind in kinds) for name, kinds in CREATIONS.items()}


def count_at_stripe(credentials: StripeCredentials, outcomes: Sequence[InvoiceOutcome]) -> Counts:
    """Count what there is at Stripe of the orders' customers, by listing it."""
    client = credentials.get_client()
    customers = {outcome.customer for outcome in outcomes if outcome.customer}
    emails = {_email_of(client, customer) for customer in customers} - {""}
    return {
        "customers": sum(_count(client, "list_customers", email=email) for email in emails),
        "invoices": sum(_count(client, "list_invoices", customer=customer) for customer in customers),
        "invoice items": sum(_count(client, "list_invoice_items", customer=customer) for customer in customers),
        "charges": sum(_count(client, "list_charges", customer=customer) for customer in customers),
    }


def _email_of(client: StripeClient, customer: str) -> str:
    return client.call("retrieve_customer", customer).data.get("email") or ""


def _count(client: StripeClient, operation: str, **params: str) -> int:
    return sum(len(page) for page in client.walk(Call(operation, (), params)))


if __name__ == "__main__":
    sys.exit(main())
