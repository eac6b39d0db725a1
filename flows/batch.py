"""Many orders side by side, without Prefect: each ends in an outcome, whatever happens to the others."""

from __future__ import annotations

import csv
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

from pydantic import BaseModel, Field

from prefect_stripe.client import AuthenticationError, PermissionDeniedError, StripeClient, StripeError
from prefect_stripe.flows import pictures
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.order_files import COLUMNS, NEEDED
from prefect_stripe.flows.order_rows import REASON, rows_of
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import Ending, InvoiceOutcome
from prefect_stripe.flows.places import name_of
from prefect_stripe.flows.process import Reply, Step, drive, perform
from prefect_stripe.money import format_amount

ROUNDS: Final = 2
"""How often an order is tried in one chunk, where Stripe or the network failed."""

OUTCOME_COLUMNS: Final = ("rows", *InvoiceOutcome.model_fields)


class Stopped(Exception):
    """The batch was told to end: an order stops between two steps, and goes on from there another time."""


def invoice_orders(
    client: StripeClient,
    orders: Sequence[InvoiceOrder],
    account: str,
    look_back_days: int,
    side_by_side: int,
    approval_limits: Sequence[ApprovalLimit] = (),
) -> list[InvoiceOutcome]:
    """Bring each order's invoice to where the order wants it, several at a time.

    Args:
        client: As whom.
        orders: The orders, each with an `external_id` of its own.
        account: Mode and connected account, as `StripeCredentials.account` has them.
        look_back_days: How many days back an invoice of these orders may have been made.
        side_by_side: How many orders are worked on at a time.
        approval_limits: Above which an order waits for a person: nobody can be asked here, so that it ends as that.

    Returns:
        An outcome an order, in their order. Where Stripe or the network failed, again after a second try, it is
        `failed`, with the reason.

    Raises:
        AuthenticationError: The key is wrong, for every order alike.
        PermissionDeniedError: The key may not do what every order needs.
    """
    stop = threading.Event()

    def do(step: Step) -> Reply:
        if stop.is_set():
            raise Stopped
        return perform(client, step.call)

    def invoice(order: InvoiceOrder) -> InvoiceOutcome | StripeError | None:
        try:
            return drive(invoice_process(order, account, look_back_days, approval_limits), do)
        except Stopped:
            return None
        except (AuthenticationError, PermissionDeniedError) as error:
            stop.set()
            return error
        except StripeError as error:
            reason = str(error)
        except Exception as error:
            logging.getLogger("prefect_stripe").exception("%s could not be worked on", order.external_id)
            reason = f"{type(error).__name__}: {error}"
        return InvoiceOutcome(external_id=order.external_id, ending="failed", reason=reason)

    outcomes: dict[str, InvoiceOutcome] = {}
    for _ in range(ROUNDS):
        left = [order for order in orders if not _is_known(outcomes.get(order.external_id))]
        with ThreadPoolExecutor(side_by_side, thread_name_prefix="order") as threads:
            try:
                ended = list(threads.map(invoice, left))
            except BaseException:
                # Ended from outside: what is under way stops at its next step, and the rest is not begun.
                stop.set()
                raise
        for outcome in ended:
            if isinstance(outcome, StripeError):
                raise outcome
            if outcome is not None:
                outcomes[outcome.external_id] = outcome
    return [outcomes[order.external_id] for order in orders]


def _is_known(outcome: InvoiceOutcome | None) -> bool:
    # What failed because its order says so has a status; what could not be finished is not known.
    return outcome is not None and (outcome.ending != "failed" or outcome.status is not None)


class CurrencyTotal(BaseModel):
    """The invoices of one currency in one state."""

    currency: str = Field(description="Three-letter code, lower case.")
    status: str = Field(description="Stripe's status of the invoices; awaiting approval, of the drafts that do.")
    invoices: int = Field(description="How many there are.")
    total: int = Field(description="What they come to, in minor units.")
    amount_paid: int = Field(description="What was paid of it, in minor units, outside Stripe included.")


class BatchReport(BaseModel):
    """What became of a file of orders: each row of it is in one outcome."""

    orders: int = Field(default=0, description="How many orders there are, the rejected rows' included.")
    rows: int = Field(default=0, description="How many rows they have.")
    endings: dict[Ending, int] = Field(default={}, description="How many orders ended how.")
    totals: list[CurrencyTotal] = Field(default=[], description="The invoices by currency and state.")
    outcomes_file: str | None = Field(default=None, description="Where the outcomes were written.")
    rejects_file: str | None = Field(default=None, description="Where the rows were written that have to be corrected.")
    first_failure: str | None = Field(default=None, description="The first order that failed, and why.")

    def __str__(self) -> str:
        told = ", ".join(f"{count} {ending.replace('_', ' ')}" for ending, count in self.endings.items())
        return f"{self.orders} orders: {told or 'there are none'}"


class Tally:
    """Counts outcomes as they come, writes them down, and keeps no more of them than what a report tells."""

    def __init__(self, file: IO[str] | None, told: int = 100) -> None:
        """Begin with nothing.

        Args:
            file: Where outcomes are written as CSV, or None.
            told: How many of the orders that are not done are kept, to be told of.
        """
        self.report = BatchReport()
        self.rejected: dict[int, str] = {}
        self.to_tell: list[InvoiceOutcome] = []
        self.growth: list[tuple[float, Mapping[str, int]]] = [(0.0, {})]
        self._began = time.monotonic()
        self._most_told = told
        self._endings: Counter[Ending] = Counter()
        self._sums: dict[tuple[str, str], CurrencyTotal] = {}
        self._file = file
        self._writer = csv.DictWriter(file, OUTCOME_COLUMNS) if file else None
        if self._writer:
            self._writer.writeheader()

    def take(self, outcome: InvoiceOutcome, rows: tuple[int, ...]) -> None:
        """Take in one outcome, and the numbers of its rows."""
        self._endings[outcome.ending] += 1
        self.report.endings = dict(self._endings)
        self.report.orders += 1
        self.report.rows += len(rows)
        if outcome.ending == "rejected":
            self.rejected |= dict.fromkeys(rows, outcome.reason or "")
        if outcome.ending == "failed" and self.report.first_failure is None:
            self.report.first_failure = f"{outcome.external_id}: {outcome.reason}"
        if outcome.ending not in {"done", "found_done"} and len(self.to_tell) < self._most_told:
            self.to_tell.append(outcome)
        self._add(outcome)
        if self._writer:
            numbers = " ".join(map(str, rows))
            self._writer.writerow({"rows": numbers, **outcome.model_dump(exclude_none=True)})

    def flush(self) -> None:
        """Write down what was taken in, and when: a crash loses nothing of it."""
        self.growth.append((time.monotonic() - self._began, dict[str, int](self._endings.items())))
        if self._file:
            self._file.flush()

    def _add(self, outcome: InvoiceOutcome) -> None:
        if outcome.currency is None or outcome.status is None or outcome.total is None:
            return
        status = "awaiting approval" if outcome.ending == "awaiting_approval" else outcome.status
        sum_ = self._sums.setdefault(
            (outcome.currency, status),
            CurrencyTotal(currency=outcome.currency, status=status, invoices=0, total=0, amount_paid=0),
        )
        sum_.invoices += 1
        sum_.total += outcome.total
        sum_.amount_paid += outcome.amount_paid or 0
        self.report.totals = [self._sums[key] for key in sorted(self._sums)]


def write_rejects(copy: Path, name: str, reasons: Mapping[int, str], file: IO[str]) -> None:
    """Write the rows that have to be corrected, with the reason of each, as a CSV that can be fed back."""
    rejects = [row for row in rows_of(copy, name, COLUMNS, NEEDED) if row.number in reasons]
    columns = [column for column in COLUMNS if any(column in row.cells for row in rejects)]
    writer = csv.DictWriter(file, [*columns, REASON])
    writer.writeheader()
    writer.writerows({**row.cells, REASON: reasons[row.number]} for row in rejects)


def in_markdown(tally: Tally, source: str) -> str:
    """Tell of a batch: its totals by currency, how its orders ended, and those that are not done."""
    report = tally.report
    lines = [f"**{_plain(name_of(source))}**: {report}, of {report.rows} rows", ""]
    if len(tally.growth) > 1:
        words = "Orders as they ended"
        lines += [pictures.in_markdown(pictures.growth(tally.growth, words), words), ""]
    if report.totals:
        lines += ["| currency | state | invoices | total | paid |", "|---|---|--:|--:|--:|"]
        lines += [
            f"| {sum_.currency.upper()} | {sum_.status} | {sum_.invoices} "
            f"| {format_amount(sum_.total, sum_.currency)} | {format_amount(sum_.amount_paid, sum_.currency)} |"
            for sum_ in report.totals
        ]
        lines.append("")
    told = tally.to_tell
    if told:
        # No table: the Prefect UI breaks no line of one, and cuts off a long reason.
        lines += [f"- {_told(one)}" for one in told]
        all_told = sum(count for ending, count in report.endings.items() if ending not in {"done", "found_done"})
        if all_told > len(told):
            lines.append(f"\nand {all_told - len(told)} more, all of them in the file of outcomes.")
        lines.append("")
    if report.outcomes_file:
        lines.append(f"All outcomes: `{name_of(report.outcomes_file)}`")
    if report.rejects_file:
        lines.append(f"Rows to correct and feed back: `{name_of(report.rejects_file)}`")
    return "\n".join(lines)


def _told(one: InvoiceOutcome) -> str:
    name, reason = one.name, _plain(one.reason or "")
    words = f"**{_plain(one.external_id or 'unnamed')}** {one.ending.replace('_', ' ')}"
    return words + (f", {name}" if name else "") + (f": {reason}" if reason else "")


def _plain(text: str) -> str:
    return text.replace("\n", " ").replace("<", "&lt;")
