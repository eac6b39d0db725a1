"""Open invoices by how long they are overdue, without I/O: what was owed on a day, by whom, and since when."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from prefect_stripe.flows.ledger_rows import Difference, Sums, id_of, stop_at
from prefect_stripe.flows.months import local_date
from prefect_stripe.money import major_units

BUCKETS: Final = ("not due", "1-30", "31-60", "61-90", "91-120", "over 120")
"""By days overdue, as Stripe's own report of receivables has them."""

STATUSES: Final = ("open", "uncollectible")
"""What is still owed: also what is written off in the hope of nothing may yet be paid."""

ENDED: Final = ("paid", "void")
_FORMULA: Final = re.compile(r"[=+@\t\r]|-(?![\d.]+$)")


@dataclass(frozen=True)
class Owed:
    """What was still owed of one invoice on a day.

    Attributes:
        invoice: Its id.
        number: What the customer knows it by.
        customer: Id of the customer.
        name: The customer's name on the invoice.
        currency: Three-letter code, lower case.
        amount: Minor units that remain.
        status: Stripe's, on that day as far as it tells.
        since: The day on which it was due; without one, that on which it was finalized.
        days: How many days it is overdue; nothing or less where it is not.
    """

    invoice: str
    number: str
    customer: str
    name: str
    currency: str
    amount: int
    status: str
    since: date
    days: int

    @property
    def bucket(self) -> str:
        """How long it is overdue."""
        return BUCKETS[min(max(-(-self.days // 30), 0), len(BUCKETS) - 1)]


def was_owed(invoice: Mapping[str, Any], end: datetime) -> bool:
    """Say whether an invoice was finalized before the end of a day, and neither paid nor voided by then."""
    turns: Mapping[str, int | None] = invoice["status_transitions"]
    finalized = turns.get("finalized_at")
    if finalized is None or finalized >= end.timestamp():
        return False
    return all(at is None or at >= end.timestamp() for at in (turns.get("paid_at"), turns.get("voided_at")))


def owed(
    invoice: Mapping[str, Any], as_of: date, zone: ZoneInfo, paid_since: Callable[[str, datetime], int] | None
) -> Owed | None:
    """Return what was owed of an invoice at the end of a day, or None if nothing was.

    Args:
        invoice: As Stripe sent it.
        as_of: The day.
        zone: The time zone whose day it is.
        paid_since: Of a day that is past, what was paid of an invoice from an instant on; None where the day is today.

    Raises:
        BooksError: Its figures do not add up; or it has credit notes, and the day is past.
    """
    end = _end(as_of, zone)
    if not was_owed(invoice, end):
        return None
    id, currency = str(invoice["id"]), str(invoice["currency"])
    due, paid, left = (int(invoice[name]) for name in ("amount_due", "amount_paid", "amount_remaining"))
    credited = invoice["pre_payment_credit_notes_amount"]
    if not credited:
        stop_at(
            "what remains of an invoice is not what is due less what is paid",
            [] if left == due - paid else [Difference(id, due - paid, left, currency)],
        )
    amount = left
    if paid_since is not None:
        stop_at(
            "an invoice has credit notes, of which it does not say when: ask for today",
            [Difference(id, "none", f"{credited} {currency}")] if credited else [],
        )
        amount = due - paid + paid_since(id, end)
    turns = invoice["status_transitions"]
    since = local_date(invoice["due_date"] or turns["finalized_at"], zone)
    lost = turns.get("marked_uncollectible_at")
    return Owed(
        invoice=id,
        number=invoice["number"] or "",
        customer=id_of(invoice["customer"]),
        name=invoice["customer_name"] or "",
        currency=currency,
        amount=amount,
        status="uncollectible" if lost is not None and lost < end.timestamp() else "open",
        since=since,
        days=(as_of - since).days,
    ) if amount else None  # fmt: skip


def _end(day: date, zone: ZoneInfo) -> datetime:
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def is_past(day: date, now: datetime, zone: ZoneInfo) -> bool:
    """Say whether a day has ended."""
    return _end(day, zone) <= now


def by_customer(some: Iterable[Owed]) -> dict[tuple[str, str], dict[str, int]]:
    """Sum what is owed by currency and customer, into buckets."""
    found = dict[tuple[str, str], dict[str, int]]()
    for one in some:
        row = found.setdefault((one.currency, one.customer), dict.fromkeys(BUCKETS, 0))
        row[one.bucket] += one.amount
    return {key: found[key] for key in sorted(found)}


def by_bucket(some: Iterable[Owed]) -> dict[str, dict[str, int]]:
    """Sum what is owed by currency, into buckets."""
    found = dict[str, dict[str, int]]()
    for one in some:
        row = found.setdefault(one.currency, dict.fromkeys(BUCKETS, 0))
        row[one.bucket] += one.amount
    return {key: found[key] for key in sorted(found)}


def check_control(some: Sequence[Owed], control: Mapping[str, int]) -> None:
    """See that the buckets of all customers come to what the books' control account says, in each currency.

    Raises:
        BooksError: They do not.
    """
    sums: Sums = {}
    for (currency, _), buckets in by_customer(some).items():
        sums[currency] = sums.get(currency, 0) + sum(buckets.values())
    stop_at(
        "the receivables are not what the control account says",
        [
            Difference(name.upper(), control.get(name, 0), sums.get(name, 0), name)
            for name in sorted({*sums, *control})
            if sums.get(name, 0) != control.get(name, 0)
        ],
    )


def ageing_csv(some: Sequence[Owed]) -> str:
    """Write the ageing: a row a customer and currency, in major units."""
    names = {one.customer: one.name for one in some}
    return _csv(
        ("customer", "name", "currency", *BUCKETS, "total"),
        (
            (
                customer,
                names[customer],
                currency.upper(),
                *(str(major_units(amount, currency)) for amount in (*buckets.values(), sum(buckets.values()))),
            )
            for (currency, customer), buckets in by_customer(some).items()
        ),
    )


def invoices_csv(some: Sequence[Owed]) -> str:
    """Write the invoices that the ageing is made of."""
    return _csv(
        ("invoice", "number", "customer", "name", "status", "since", "days overdue", "bucket", "currency", "amount"),
        (
            (
                *(one.invoice, one.number, one.customer, one.name, one.status, one.since.isoformat()),
                *(max(one.days, 0), one.bucket, one.currency.upper(), str(major_units(one.amount, one.currency))),
            )
            for one in sorted(some, key=lambda one: (one.currency, one.customer, one.since, one.invoice))
        ),
    )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(_safe, rows))
    return file.getvalue()


def _safe(row: Sequence[object]) -> list[object]:
    # People open these in a spreadsheet, and customers choose their names.
    return [f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell for cell in row]
