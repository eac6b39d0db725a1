"""A journal of any month ties; where something is broken on purpose, the gate that guards it stops, with figures."""

from __future__ import annotations

import csv
import io
import pickle
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.flows.accounts import DEFAULT, TYPES, Account, Chart, ChartError, check_mapped, read_chart
from prefect_stripe.flows.journal import Line, check_journal, entry, journal
from prefect_stripe.flows.journal_formats import MOST_LINES, files, transactions_in
from prefect_stripe.flows.ledger_rows import (
    BalanceRow,
    BooksError,
    Difference,
    Fee,
    check_balances,
    check_rows,
    row_of,
    sums,
)
from prefect_stripe.flows.months import Month, day_of, local_date, zone_of
from prefect_stripe.money import exponent
from tests.books.months import GeneratedMonth, as_stripe_sends_it, generated_months, spread

FORMATS = ("netsuite", "quickbooks")
BERLIN = ZoneInfo("Europe/Berlin")

CHARGE = BalanceRow(
    "txn_charge", 1_791_000_000, "usd", 10000, 349, 9651, (Fee("stripe_fee", 320), Fee("tax", 29)), "charge", "charge",
    "ch_1",
)  # fmt: skip
REFUND = BalanceRow("txn_refund", 1_791_000_100, "usd", -4000, 0, -4000, (), "refund", "refund", "re_1")
YEN = BalanceRow(
    "txn_yen", 1_791_000_200, "jpy", 5000, 150, 4850, (Fee("stripe_fee", 150),), "charge", "charge", "ch_2"
)
ROWS = (CHARGE, REFUND, YEN)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def minor(text: str, currency: str) -> int:
    return int(Decimal(text or "0").scaleb(exponent(currency.lower())))


@given(generated_months())
def test_every_gate_holds_of_any_month(made: GeneratedMonth) -> None:
    rows = [row_of(as_stripe_sends_it(row)) for row in made.rows]
    assert rows == list(made.rows)
    check_rows(rows)
    check_mapped(rows, DEFAULT)
    lines = journal(rows, DEFAULT, made.zone)
    check_journal(lines, rows)
    movement = sums(rows)
    closing = {name: made.opening[name] + movement.get(name, 0) for name in made.opening}
    check_balances(made.opening, movement, closing)


@given(generated_months())
def test_what_is_written_holds_by_itself(made: GeneratedMonth) -> None:
    """The files are read as whoever imports them reads them: nothing of how they were made is used."""
    rows = made.rows
    written = files(journal(rows, DEFAULT, made.zone), FORMATS)
    whole = table(written["journal.csv"])
    balance = Counter[str]()
    for currency in {row.currency for row in rows}:
        own = [line for line in whole if line["currency"] == currency.upper()]
        debits, credits = (sum(minor(line[side], currency) for line in own) for side in ("debit", "credit"))
        assert debits == credits
        balance[currency] = sum(
            minor(line["debit"], currency) - minor(line["credit"], currency)
            for line in own
            if line["account"] == "Stripe balance"
        )
        for name, number, debit, credit, memo in (
            ("netsuite", "External ID", "Debit", "Credit", "Line Memo"),
            ("quickbooks", "JournalNo", "Debits", "Credits", "Description"),
        ):
            theirs = table(written[f"{name}-{currency}.csv"])
            sides = Counter[str]()
            for line in theirs:
                sides[line[number]] += minor(line[debit], currency) - minor(line[credit], currency)
                assert bool(line[debit]) != bool(line[credit])
            assert not any(sides.values())
            assert all(len(name) <= 21 for name in sides)  # as QuickBooks has it
            named = {word for line in theirs for word in line[memo].split() if word.startswith("txn_")}
            assert named == {row.id for row in rows if row.currency == currency and (row.amount or row.fee)}
    assert {name: amount for name, amount in balance.items() if amount} == {
        name: amount for name, amount in sums(rows).items() if amount
    }
    posted = Counter(line["transaction"] for line in whole if line["part"] == "net")
    assert posted == {row.id: 1 for row in rows}
    assert transactions_in(written["journal.csv"]) == {row.id: row.created for row in rows}
    days = {line["date"] for line in whole}
    assert all(Month.of(date.fromisoformat(day)) == made.month for day in days)


@given(generated_months(), st.randoms())
def test_the_order_in_which_rows_come_does_not_show(made: GeneratedMonth, random: Any) -> None:
    shuffled = list(made.rows)
    random.shuffle(shuffled)
    shuffled.sort(key=lambda row: (row.created, row.id))
    assert files(journal(shuffled, DEFAULT, made.zone), FORMATS) == files(
        journal(made.rows, DEFAULT, made.zone), FORMATS
    )


# Broken on purpose


def without(lines: Sequence[Line], id: str) -> list[Line]:
    return [line for line in lines if line.transaction != id]


def changed(lines: Sequence[Line], id: str, part: str, **fields: Any) -> list[Line]:
    return [replace(line, **fields) if (line.transaction, line.part) == (id, part) else line for line in lines]


@dataclass(frozen=True)
class Mutation:
    """What is broken, the gate that stops it, and the figures that it names."""

    rows: Sequence[BalanceRow]
    gate: str
    says: str
    lines: Callable[[Sequence[Line]], Sequence[Line]] = lambda lines: lines
    chart: Chart = DEFAULT


def post(broken: Mutation) -> None:
    check_rows(broken.rows)
    check_mapped(broken.rows, broken.chart)
    check_journal(broken.lines(journal(broken.rows, broken.chart, BERLIN)), broken.rows)


MUTATIONS = {
    "net": Mutation(
        [replace(CHARGE, net=9650), REFUND],
        "net is not amount less fee",
        "txn_charge: 96.51 USD (9651) wanted, 96.50 USD (9650) found",
    ),
    "fee": Mutation(
        [replace(CHARGE, fees=(Fee("stripe_fee", 320),)), REFUND],
        "a fee is not the sum of its details",
        "txn_charge: 3.49 USD (349) wanted, 3.20 USD (320) found",
    ),
    "currency": Mutation([replace(REFUND, currency="xxx")], "a currency is not known", "xxx found"),
    "twice": Mutation([CHARGE, REFUND, CHARGE], "a transaction is there twice", "txn_charge: 1 wanted, 2 found"),
    "category": Mutation(
        [CHARGE, replace(REFUND, category="topup", type="topup", amount=700, net=700)],
        "no account is chosen in the chart",
        "category:topup (of type topup), 1 times: an account wanted, 7.00 USD (700) found",
    ),
    "fee type": Mutation(
        [replace(CHARGE, fees=(Fee("stripe_fee", 320), Fee("withheld_tax", 29)))],
        "no account is chosen in the chart",
        "fee:withheld_tax, 1 times: an account wanted, 0.29 USD (29) found",
    ),
    "an amount of a line": Mutation(
        ROWS,
        "debits are not credits in an entry",
        "txn_charge, debits: 100.00 USD (10000) wanted, 99.99 USD (9999) found",
        lambda lines: changed(lines, "txn_charge", "net", amount=9650),
    ),
    "a currency of a line": Mutation(
        ROWS,
        "an entry is in two currencies",
        "txn_charge: usd wanted, eur found",
        lambda lines: changed(lines, "txn_charge", "amount", currency="eur"),
    ),
    "an entry less": Mutation(
        ROWS,
        "a transaction is not posted once",
        "txn_refund, times posted: 1 wanted, 0 found",
        lambda lines: without(lines, "txn_refund"),
    ),
    "an entry twice": Mutation(
        ROWS,
        "a transaction is not posted once",
        "txn_refund, times posted: 1 wanted, 2 found",
        lambda lines: [*lines, *(line for line in lines if line.transaction == "txn_refund")],
    ),
    "a stranger": Mutation(
        ROWS,
        "a transaction is not posted once",
        "txn_other, times posted: 0 wanted, 1 found",
        lambda lines: [*lines, *entry(replace(REFUND, id="txn_other"), DEFAULT, BERLIN)],
    ),
    "twice as much": Mutation(
        ROWS,
        "the journal does not move Stripe's balance as its transactions do",
        "USD: 56.51 USD (5651) wanted, 16.51 USD (1651) found",
        lambda lines: [
            replace(line, amount=2 * line.amount) if line.transaction == "txn_refund" else line for line in lines
        ],
    ),
}


@pytest.mark.parametrize("broken", MUTATIONS.values(), ids=MUTATIONS)
def test_what_is_broken_stops_at_its_gate_with_the_figures(broken: Mutation) -> None:
    with pytest.raises(BooksError) as stopped:
        post(broken)
    assert stopped.value.gate == broken.gate
    assert broken.says in str(stopped.value)
    again = pickle.loads(pickle.dumps(stopped.value))
    assert (str(again), again.differences) == (str(stopped.value), stopped.value.differences)


@given(generated_months(), st.sampled_from(["eur", "jpy", "kwd", "usd"]), st.integers(1, 10**6))
def test_a_balance_that_is_off_by_anything_stops(made: GeneratedMonth, currency: str, off: int) -> None:
    movement = sums(made.rows)
    closing = {name: made.opening[name] + movement.get(name, 0) for name in made.opening}
    closing[currency] += off
    with pytest.raises(BooksError, match="opening balance and movement") as stopped:
        check_balances(made.opening, movement, closing)
    (found,) = stopped.value.differences
    assert (found.currency, found.wanted, found.found) == (currency, closing[currency], closing[currency] - off)


def test_a_balance_that_only_one_side_knows_stops() -> None:
    with pytest.raises(BooksError, match="KWD"):
        check_balances({}, {"kwd": 1}, {})
    with pytest.raises(BooksError, match=r"JPY.*5 JPY \(5\) found"):
        check_balances({"jpy": 5}, {}, {"usd": 0})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"amount": "100"}, "'100' is no integer"),
        ({"amount": True}, "True is no integer"),
        ({"net": 96.51}, "96.51 is no integer"),
        ({"reporting_category": None}, "None is no text"),
        ({"fee_details": [{"amount": 349, "currency": "eur", "type": "stripe_fee"}]}, "usd wanted, eur found"),
        ({"balance_type": "issuing"}, "payments wanted, issuing found"),
    ],
)
def test_what_is_no_movement_of_the_payments_balance_stops(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BooksError) as stopped:
        row_of({**as_stripe_sends_it(CHARGE), **wrong})
    assert "txn_charge" in str(stopped.value)
    assert says in str(stopped.value)


def test_an_error_tells_of_twenty_and_carries_all() -> None:
    error = BooksError("too many", [Difference(f"txn_{number}", 1, 2) for number in range(25)])
    assert str(error).endswith("txn_19: 1 wanted, 2 found; and 5 more")
    assert len(error.differences) == 25


# Entries


def test_the_tax_on_a_fee_has_an_account_of_its_own() -> None:
    posted = [(line.account.name, line.debit, line.credit) for line in entry(CHARGE, DEFAULT, BERLIN)]
    assert posted == [
        ("Stripe balance", 9651, 0),
        ("Stripe fees", 320, 0),
        ("Tax on fees, deductible", 29, 0),
        ("Accounts receivable", 0, 10000),
    ]
    tax = BalanceRow("txn_tax", 1_791_000_000, "eur", -190, 0, -190, (), "fee", "tax_fee", "")
    assert [line.account.name for line in entry(tax, DEFAULT, BERLIN)] == ["Stripe balance", "Tax on fees, deductible"]


def test_what_comes_late_is_posted_on_the_first_day_that_is_open() -> None:
    assert {line.date for line in entry(CHARGE, DEFAULT, BERLIN, date(2026, 11, 1))} == {date(2026, 11, 1)}
    assert {line.date for line in entry(CHARGE, DEFAULT, BERLIN, date(2026, 9, 1))} == {date(2026, 10, 3)}


def test_a_day_of_many_lines_is_several_entries_of_which_each_balances() -> None:
    many = [replace(CHARGE, id=f"txn_{number:04}") for number in range(MOST_LINES)]
    theirs = table(files(journal(many, DEFAULT, BERLIN), FORMATS)["quickbooks-usd.csv"])
    sides, counts = Counter[str](), Counter[str]()
    for line in theirs:
        sides[line["JournalNo"]] += minor(line["Debits"], "usd") - minor(line["Credits"], "usd")
        counts[line["JournalNo"]] += 1
    assert len(counts) > 3
    assert not any(sides.values())
    assert max(counts.values()) <= MOST_LINES
    assert counts.total() == 4 * MOST_LINES


def test_the_layouts_are_those_that_are_imported() -> None:
    written = files(journal([CHARGE], DEFAULT, BERLIN), FORMATS)
    assert written["netsuite-usd.csv"].splitlines()[:2] == [
        "External ID,Date,Currency,Memo,Account,Debit,Credit,Line Memo",
        "STR-USD-20261003-001,10/03/2026,USD,Stripe,1050 Stripe balance,96.51,,charge txn_charge ch_1",
    ]
    assert written["quickbooks-usd.csv"].splitlines()[-1] == (
        "STR-USD-20261003-001,10/03/2026,USD,Accounts receivable,,100.00,charge txn_charge ch_1,Stripe customers"
    )


def test_two_accounts_in_the_same_books_have_no_number_in_common() -> None:
    lines = journal(ROWS, DEFAULT, BERLIN)
    ours, theirs = files(lines, FORMATS), files(lines, FORMATS, "EU-2")
    for name, column in (("netsuite-usd.csv", "External ID"), ("quickbooks-usd.csv", "JournalNo")):
        numbers = {line[column] for line in table(theirs[name])}
        assert numbers.isdisjoint(line[column] for line in table(ours[name]))
        assert numbers == {"EU-2-USD-20261003-001"}
        assert max(map(len, numbers)) <= 21  # as many characters as QuickBooks takes


# The chart


def test_a_chart_is_read_as_it_is_written() -> None:
    assert read_chart(DEFAULT.in_csv().splitlines()) == DEFAULT


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["posts,number", "balance,1"], "lacks the columns account"),
        (["posts,account", "category:charge,Sales"], "lacks a row that posts balance"),
        (["posts,account", "balance,A", "balance,B"], "row 3 .* balance is there twice"),
        (["posts,account", "balance,"], "row 2 .* must both say something"),
        (["posts,account", "balance,A", "charge,B"], "'charge' is neither"),
        (["posts,account", "balance,A", "category:payout,A"], "posts category:payout to A, the account of Stripe's"),
        (["posts,number,account", "balance,1,A", "fee:tax,2,B", "category:fee,2,C"], "two names for 2: B and C"),
        (["posts,number,account", "balance,1,A", "fee:tax,2,A"], "posts fee:tax to 1 A, the account of Stripe's"),
        (["posts,account", "balance,A", "category:fee/taxfee,B"], "row 3 .* 'taxfee' .* is no type; write tax_fee"),
        (["posts,account,party", "balance,A", "category:charge,B, Trade,C"], "row 3 .* more cells than the header"),
        (["posts,account", "balance,A", 'category:charge,"B', "category:fee,C"], "row 3 .* is no CSV"),
    ],
)
def test_a_chart_that_says_nothing_or_two_things_is_refused(lines: list[str], says: str) -> None:
    with pytest.raises(ChartError, match=says):
        read_chart(lines)


def test_the_types_are_those_of_the_official_sdk() -> None:
    named = re.findall(r"Literal\[(.*?)\]", str(stripe.BalanceTransaction.__annotations__["type"]), re.DOTALL)
    assert set(re.findall(r"\w+", named[0])) == TYPES


def test_a_type_may_have_another_account_than_its_category() -> None:
    chart = read_chart(["posts,account", "balance,B", "category:fee,F", "category:fee/tax_fee,T"])
    fee = replace(REFUND, category="fee", type="stripe_fee")
    assert chart.of_row(fee) == Account("", "F")
    assert chart.of_row(replace(fee, type="tax_fee")) == Account("", "T")
    assert chart.of_row(REFUND) is None


# Months


@given(st.sampled_from(sorted(available_timezones())), st.integers(1990, 2036), st.integers(1, 12))
def test_a_month_begins_with_its_first_second_and_ends_with_the_next(name: str, year: int, number: int) -> None:
    zone, month = zone_of(name), Month(year, number)
    begins, ends = int(month.begins(zone).timestamp()), int(month.ends(zone).timestamp())
    assert local_date(begins, zone) >= month.first
    assert local_date(begins - 1, zone) < month.first
    assert local_date(ends - 1, zone) < month.after.first <= local_date(ends, zone)
    assert month.begins(zone).tzinfo is UTC
    assert month.after.before == month == Month.parse(str(month))


def test_every_hour_of_a_day_on_which_the_clocks_change_is_in_one_day_and_in_one_month() -> None:
    rows = list(spread(replace(CHARGE, created=int(datetime(2026, 10, 24, 22, 30, tzinfo=UTC).timestamp())), 3))
    assert [line.date.day for row in rows for line in entry(row, DEFAULT, BERLIN)[:1]] == [25, 25, 26]
    assert Month(2026, 10).ends(BERLIN) - Month(2026, 10).begins(BERLIN) == timedelta(days=31, hours=1)
    assert Month(2026, 3).ends(BERLIN) - Month(2026, 3).begins(BERLIN) == timedelta(days=31, hours=-1)


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "October", "2026-10-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no month"):
        Month.parse(text)


@pytest.mark.parametrize("month", ["0001-01", "9999-12"])
def test_what_has_no_month_before_it_or_after_it_is_refused(month: str) -> None:
    with pytest.raises(ValueError, match="cannot be reckoned with"):
        Month.parse(month)
    with pytest.raises(ValueError, match=r"since: .* cannot be reckoned with"):
        day_of(f"{month}-01", "since")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)
