"""Months of an account, made up by Hypothesis: what moves the balance in four currencies, and what is paid out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from prefect_stripe.flows.ledger_rows import BalanceRow, Fee, in_order
from prefect_stripe.flows.months import Month

CURRENCIES = ("eur", "jpy", "kwd", "usd")

# A night that is an hour shorter, one that is an hour longer, and one in which midnight itself is skipped.
MONTHS = (
    (Month(2026, 3), ZoneInfo("Europe/Berlin")),
    (Month(2026, 10), ZoneInfo("Europe/Berlin")),
    (Month(2026, 11), ZoneInfo("America/New_York")),
    (Month(2026, 4), ZoneInfo("Africa/Cairo")),
    (Month(2026, 2), ZoneInfo("Asia/Kolkata")),
)

KINDS = (
    ("charge", "charge", 1),
    ("payment", "charge", 1),
    ("refund", "refund", -1),
    ("refund_failure", "refund_failure", 1),
    ("adjustment", "dispute", -1),
    ("adjustment", "dispute_reversal", 1),
    ("stripe_fee", "fee", -1),
    ("tax_fee", "fee", -1),
)
"""Type, category, and whether it comes or goes."""


@dataclass(frozen=True)
class GeneratedMonth:
    month: Month
    zone: ZoneInfo
    rows: tuple[BalanceRow, ...]
    opening: dict[str, int]


@st.composite
def rows_of(draw: st.DrawFn, month: Month, zone: ZoneInfo) -> list[BalanceRow]:
    begins, ends = (int(at.timestamp()) for at in (month.begins(zone), month.ends(zone)))
    rows = list[BalanceRow]()
    for number in range(draw(st.integers(0, 30))):
        type, category, sign = draw(st.sampled_from(KINDS))
        amount = sign * draw(st.integers(0, 10**7))
        fees = [
            Fee(kind, draw(st.integers(0, 5000)))
            for kind in draw(st.lists(st.sampled_from(("stripe_fee", "tax")), unique=True, max_size=2))
            if category in {"charge", "dispute"}
        ]
        fee = sum(part.amount for part in fees)
        # At both ends of the month just as often as anywhere in it.
        created = draw(st.one_of(st.sampled_from((begins, ends - 1)), st.integers(begins, ends - 1)))
        currency = draw(st.sampled_from(CURRENCIES))
        rows.append(
            BalanceRow(
                f"txn_{number:03}", created, currency, amount, fee, amount - fee, tuple(fees), category, type,
                f"src_{number:03}",
            )
        )  # fmt: skip
    return sorted([*rows, *draw(payouts(rows, ends))], key=in_order)


@st.composite
def payouts(draw: st.DrawFn, rows: list[BalanceRow], ends: int) -> list[BalanceRow]:
    """A payout of what is there in each currency, where there is any; some come back."""
    found = list[BalanceRow]()
    for currency in CURRENCIES:
        left = sum(row.net for row in rows if row.currency == currency)
        if left <= 0 or not draw(st.booleans()):
            continue
        at = draw(st.integers(max(row.created for row in rows), ends - 1))
        id = f"po_{currency}"
        found.append(BalanceRow(f"txn_{id}", at, currency, -left, 0, -left, (), "payout", "payout", id))
        if draw(st.booleans()):
            back = BalanceRow(
                f"txn_{id}_back", at, currency, left, 0, left, (), "payout_reversal", "payout_failure", id
            )
            found.append(back)
    return found


@st.composite
def generated_months(draw: st.DrawFn) -> GeneratedMonth:
    month, zone = draw(st.sampled_from(MONTHS))
    opening = {currency: draw(st.integers(-(10**6), 10**8)) for currency in CURRENCIES}
    return GeneratedMonth(month, zone, tuple(draw(rows_of(month, zone))), opening)


def as_stripe_sends_it(row: BalanceRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "balance_transaction",
        "amount": row.amount,
        "available_on": row.created + 172800,
        "balance_type": "payments",
        "created": row.created,
        "currency": row.currency,
        "description": "x",
        "exchange_rate": None,
        "fee": row.fee,
        "fee_details": [
            {"amount": fee.amount, "application": None, "currency": row.currency, "description": "", "type": fee.type}
            for fee in row.fees
        ],
        "net": row.net,
        "reporting_category": row.category,
        "source": row.source or None,
        "status": "available",
        "type": row.type,
    }


def spread(row: BalanceRow, days: int) -> Iterator[BalanceRow]:
    """The same row again on each of so many days."""
    for day in range(days):
        at = row.created + int(timedelta(days=day).total_seconds())
        yield replace(row, id=f"{row.id}_{day:02}", created=at)
