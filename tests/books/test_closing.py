"""Months of the sandbox, closed: they tie, they stay as they are, and nothing is written of one that is wrong."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from prefect_stripe.flows import closing, ledger_source
from prefect_stripe.flows.accounts import DEFAULT, Account, Chart
from prefect_stripe.flows.close_report import report_of
from prefect_stripe.flows.journal import Line
from prefect_stripe.flows.ledger_rows import BalanceRow, BooksError, Sums
from prefect_stripe.flows.months import zone_of
from prefect_stripe.flows.payout_matching import BankFileError, BankLine, Payout, at_the_end, read_bank_lines, transit
from prefect_stripe.sandbox import Sandbox
from tests.books.account import DECEMBER, NOVEMBER, OCTOBER, ZONE, Books
from tests.books.months import GeneratedMonth, generated_months


def stated(books: Books) -> dict[str, int]:
    """What the sandbox itself says there is."""
    balance = books.send("GET", "/v1/balance")
    found = Counter[str]()
    for one in (*balance["available"], *balance["pending"]):
        found[one["currency"]] += one["amount"]
    return dict(found)


def journal(books: Books, month: Any = OCTOBER) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(books.files(month)["journal.csv"].decode())))


def test_a_month_ties_out_with_everything_in_it(books: Books) -> None:
    books.october()
    at_the_end = stated(books)
    last = books.send("GET", "/v1/balance_transactions")["data"][0]
    books.at(2035, 11, 6)
    closed = books.close()
    # The last charge came in the first second of November, in Berlin.
    at_the_end["usd"] -= last["net"]
    assert closed.manifest.closing == at_the_end
    assert closed.manifest.opening == dict.fromkeys(("eur", "jpy", "kwd", "usd"), 0)
    assert closed.opening_from == "all transactions before the month"
    lines = journal(books)
    assert last["id"] not in {line["transaction"] for line in lines}
    digits = {"eur": 2, "jpy": 0, "kwd": 3, "usd": 2}
    moved = {
        currency: sum(
            (Decimal(line["debit"]) - Decimal(line["credit"])).scaleb(digits[currency])
            for line in lines
            if line["currency"] == currency.upper() and line["account"] == "Stripe balance"
        )
        for currency in at_the_end
    }
    assert moved == at_the_end
    assert {line["date"] for line in lines if line["created"] in {"2035-10-28T00:30:00Z", "2035-10-28T01:30:00Z"}} == {
        "2035-10-28"
    }
    categories = {line["category"] for line in lines if line["part"] == "amount"}
    assert categories == {
        *("charge", "refund", "dispute", "dispute_reversal", "fee", "payout", "payout_reversal"),
    }
    assert {line["account"] for line in lines if line["category"] == "tax"} == {"Tax on fees, deductible"}


def test_payouts_are_what_they_are_made_of_and_what_is_on_its_way_is_explained(books: Books) -> None:
    books.october()
    books.at(2035, 11, 6)
    closed = books.close()
    payouts = {payout.id: payout for payout in closed.payouts}
    there = {payout["id"]: payout for payout in books.payouts() if payout["created"] < closed.rows[-1].created}
    assert payouts.keys() >= there.keys()
    states = Counter(payout.state for payout in payouts.values())
    assert states["returned"] == 1
    assert states["arrived"] >= 3
    assert all(payout.parts for payout in payouts.values())
    assert closed.transit is not None
    assert closed.transit.returned == {"jpy": 50_000 - 1_480}
    assert sum(closed.transit.paid_out.values()) == sum(payout["amount"] for payout in there.values())


def test_a_payout_over_the_end_of_the_month_is_in_transit_and_arrives_in_the_next(books: Books) -> None:
    books.at(2035, 10, 28)
    books.charge(10_000)
    books.at(2035, 11, 6)
    closed = books.close()
    (payout,) = closed.payouts
    assert payout.state == "in transit"
    assert closed.transit is not None
    assert closed.transit.closing == {"usd": payout.amount}
    again = books.close()
    assert [report_of(one, with_bank=False).currencies[0].in_transit for one in (closed, again)] == [payout.amount] * 2
    books.at(2035, 12, 2)
    after = books.close(NOVEMBER)
    assert after.transit is not None
    assert (after.transit.opening, after.transit.arrived) == ({"usd": payout.amount}, {"usd": payout.amount})
    assert after.transit.closing == {}
    assert after.opening_from == "the closing balance of 2035-10"


def test_what_stripe_takes_from_the_bank_for_a_balance_below_nothing_is_in_transit_below_nothing(books: Books) -> None:
    for day in (10, 31):
        books.at(2035, 10, day)
        books.move(-5_000, category="dispute", type="adjustment")
        books.sandbox.seed("payout", amount=-5_000, currency="usd")
    books.at(2035, 11, 6)
    closed = books.close()
    assert (closed.manifest.closing, closed.manifest.in_transit) == ({"usd": 0}, {"usd": -5_000})
    assert closed.transit is not None
    assert (closed.transit.paid_out, closed.transit.arrived) == ({"usd": -10_000}, {"usd": -5_000})
    books.sandbox.seed("payout_failure", payout=books.payouts()[0]["id"])
    books.at(2035, 12, 2)
    after = books.close(NOVEMBER)
    assert after.transit is not None
    assert (after.transit.returned, after.transit.closing) == ({"usd": -5_000}, {})


def test_a_second_run_writes_nothing_and_a_run_from_nothing_writes_the_same_bytes(books: Books, tmp_path: Path) -> None:
    books.october()
    books.at(2035, 11, 3)
    books.close()
    first = books.files()
    times = {path: path.stat().st_mtime_ns for path in books.folder.rglob("*")}
    books.at(2036, 1, 20)
    assert books.close().before
    assert {path: path.stat().st_mtime_ns for path in books.folder.rglob("*")} == times
    books.folder = tmp_path / "others"
    assert not books.close().before
    assert books.files() == first
    assert sorted(first) == [
        *("accounts.csv", "journal.csv", "manifest.json"),
        *(f"{name}-{currency}.csv" for name in ("netsuite", "quickbooks") for currency in ("eur", "jpy", "kwd", "usd")),
    ]


def test_what_comes_late_to_a_closed_month_is_told_of_and_posted_in_the_next(books: Books) -> None:
    books.october()
    books.at(2035, 11, 3)
    books.close()
    before = books.files()
    late = books.move(-4_200, type="stripe_fee", created=int(OCTOBER.begins(zone_of(ZONE)).timestamp()) + 20 * 86_400)
    again = books.close()
    assert [row.id for row in again.late] == [late["id"]]
    assert late["id"] not in {row.id for row in again.rows}
    assert books.files() == before
    books.at(2035, 12, 2)
    following = books.close(NOVEMBER)
    assert following.manifest.late == (late["id"],)
    posted = [line for line in journal(books, NOVEMBER) if line["transaction"] == late["id"]]
    assert {line["date"] for line in posted} == {"2035-11-01"}
    assert following.manifest.opening == again.manifest.closing
    # Both are as they are from now on.
    assert [row.id for row in books.close().late] == [late["id"]]
    assert books.close(NOVEMBER).late == []
    books.at(2036, 1, 2)
    assert books.close(DECEMBER).manifest.opening == following.manifest.closing


def test_what_comes_late_by_months_is_told_of_and_posted_in_the_month_that_is_open(
    books: Books, tmp_path: Path
) -> None:
    books.october()
    for month, at in ((OCTOBER, (2035, 11, 3)), (NOVEMBER, (2035, 12, 3)), (DECEMBER, (2036, 1, 3))):
        books.at(*at)
        books.close(month)
        books.charge(2_000)
    before = {month: books.files(month) for month in (OCTOBER, NOVEMBER, DECEMBER)}
    early = books.move(-4_200, type="stripe_fee", created=int(OCTOBER.begins(zone_of(ZONE)).timestamp()))
    later = books.move(-70_000, "jpy", type="stripe_fee", created=int(NOVEMBER.ends(zone_of(ZONE)).timestamp()) - 1)
    late = [early["id"], later["id"]]
    for month, came in ((OCTOBER, late[:1]), (NOVEMBER, late), (DECEMBER, late)):
        again = books.close(month)
        assert (again.before, [row.id for row in again.late]) == (True, came)
    books.at(2036, 2, 2)
    january = books.close(DECEMBER.after)
    assert january.manifest.late == tuple(late)
    assert january.manifest.opening == books.close(DECEMBER).manifest.closing
    assert [
        (line["date"], line["created"]) for line in journal(books, DECEMBER.after) if line["transaction"] in late
    ] == [
        *[("2036-01-01", "2035-09-30T22:00:00Z")] * 2,
        *[("2036-01-01", "2035-11-30T22:59:59Z")] * 2,
    ]
    assert books.close(DECEMBER.after).late == []
    assert {month: books.files(month) for month in before} == before
    books.at(2036, 3, 2)
    assert books.close(DECEMBER.after.after).late == []
    (books.folder / "2035-12").rename(tmp_path / "elsewhere")
    assert books.close(DECEMBER.after).before


def test_what_comes_late_by_months_and_sums_to_nothing_is_found_by_looking_further_back(books: Books) -> None:
    for month, at in ((OCTOBER, (2035, 11, 3)), (NOVEMBER, (2035, 12, 3))):
        books.at(*at)
        books.close(month)
    at_first = int(OCTOBER.begins(zone_of(ZONE)).timestamp())
    late = [books.move(amount, category="dispute", type="adjustment", created=at_first)["id"] for amount in (-500, 500)]
    books.at(2036, 1, 3)
    assert sorted(row.id for row in books.close(DECEMBER, look_back_months=2).late) == sorted(late)


def test_what_comes_late_to_the_time_before_the_books_is_taken_up_by_closing_anew(books: Books, tmp_path: Path) -> None:
    books.charge(5_000)
    books.at(2035, 12, 3)
    books.close(NOVEMBER)
    books.at(2036, 1, 3)
    books.move(-4_200, type="stripe_fee", created=int(OCTOBER.begins(zone_of(ZONE)).timestamp()))
    for month in (NOVEMBER, DECEMBER):
        with pytest.raises(BooksError, match="close the months anew from 2035-11 on, into another folder") as stopped:
            books.close(month)
        assert [int(one.wanted) - int(one.found) for one in stopped.value.differences] == [-4_200]
    journals = [books.files(NOVEMBER)["journal.csv"]]
    books.folder = tmp_path / "others"
    assert [books.close(month).manifest.late for month in (NOVEMBER, DECEMBER)] == [(), ()]
    assert [books.files(NOVEMBER)["journal.csv"]] == journals


def test_three_months_follow_one_another(books: Books) -> None:
    books.october()
    books.at(2035, 11, 20)
    books.charge(33_333)
    books.at(2035, 12, 5)
    books.charge(1_000, "eur")
    books.at(2036, 1, 8)
    closed = [books.close(month) for month in (OCTOBER, NOVEMBER, DECEMBER)]
    for former, latter in pairwise(closed):
        assert {name: amount for name, amount in latter.manifest.opening.items() if amount} == {
            name: amount for name, amount in former.manifest.closing.items() if amount
        }
    assert {name: amount for name, amount in closed[-1].manifest.closing.items() if amount} == {
        name: amount for name, amount in stated(books).items() if amount
    }
    posted = Counter(row.id for one in closed for row in one.rows)
    everything = books.client.pages("list_balance_transactions")
    assert posted == Counter(row["id"] for page in everything for row in page)


# What is wrong


Break = Callable[[Books, pytest.MonkeyPatch], dict[str, Any]]


def tampering(change: Callable[[BalanceRow], BalanceRow | None]) -> Break:
    def break_it(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
        read = ledger_source.balance_rows

        def changed(*given: Any) -> list[BalanceRow]:
            return [row for found in read(*given) if (row := change(found)) is not None]

        patch.setattr(ledger_source, "balance_rows", changed)
        return {}

    return break_it


def first_charge(row: BalanceRow) -> bool:
    return row.category == "charge" and row.amount == 120_000


def stated_off(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = ledger_source.stated_balance

    def off(*given: Any) -> Sums:
        return (found := there(*given)) | {"usd": found["usd"] + 1}

    patch.setattr(ledger_source, "stated_balance", off)
    return {}


def parts_off(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = ledger_source.rows_of_payout

    def off(*given: Any) -> list[BalanceRow]:
        return [replace(row, net=row.net + 1) if row.amount == 120_000 else row for row in there(*given)]

    patch.setattr(ledger_source, "rows_of_payout", off)
    return {}


def parts_twice(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = ledger_source.rows_of_payout
    usd = [payout["id"] for payout in books.payouts() if payout["currency"] == "usd"]

    def same(client: Any, id: str) -> list[BalanceRow]:
        return there(client, usd[0] if id in usd else id)

    patch.setattr(ledger_source, "rows_of_payout", same)
    return {}


def payout_off(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = ledger_source.payouts_of

    def off(*given: Any) -> list[Any]:
        return [
            (replace(one, amount=one.amount + 1) if one.currency == "eur" else one, at) for one, at in there(*given)
        ]

    patch.setattr(ledger_source, "payouts_of", off)
    return {}


def payout_gone(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = ledger_source.payouts_of

    def gone(*given: Any) -> list[Any]:
        return [one for one in there(*given) if one[0].currency != "eur"]

    patch.setattr(ledger_source, "payouts_of", gone)
    return {}


def payout_more(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = ledger_source.payouts_of

    def more(*given: Any) -> list[Any]:
        found = there(*given)
        one, at = next((one, at) for one, at in found if one.currency == "eur")
        return [*found, (replace(one, id="po_more", row="txn_none"), at)]

    patch.setattr(ledger_source, "payouts_of", more)
    return {}


def entry_lost(books: Books, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    there = closing.journal

    def lost(*given: Any) -> list[Line]:
        lines = there(*given)
        return [line for line in lines if line.transaction != lines[0].transaction]

    patch.setattr(closing, "journal", lost)
    return {}


BROKEN: dict[str, tuple[Break, str, str]] = {
    "a net": (
        tampering(lambda row: replace(row, net=row.net - 1) if first_charge(row) else row),
        "net is not amount less fee",
        "1,164.90 USD (116490) wanted, 1,164.89 USD (116489) found",
    ),
    "a row less": (
        tampering(lambda row: None if first_charge(row) else row),
        "opening balance and movement do not make the closing balance",
        "USD",
    ),
    "a row changed in all its figures": (
        tampering(lambda row: replace(row, amount=row.amount - 5, net=row.net - 5) if first_charge(row) else row),
        "opening balance and movement do not make the closing balance",
        "USD, 0 and",
    ),
    "an opening balance": (
        lambda books, patch: {"opening": {"eur": 0, "usd": 1}},
        "opening balance and movement do not make the closing balance",
        "USD, 1 and",
    ),
    "what Stripe says there is": (
        stated_off,
        "opening balance and movement do not make the closing balance",
        "USD",
    ),
    "a category without an account": (
        lambda books, patch: {
            "chart": Chart({name: one for name, one in DEFAULT.accounts.items() if name != "category:refund"})
        },
        "no account is chosen in the chart",
        "category:refund (of type refund), 1 times: an account wanted, -200.00 USD (-20000) found",
    ),
    "a part of a payout": (parts_off, "a payout is not the sum of its transactions", "po_"),
    "a part that is in two": (parts_twice, "a payout", "po_"),
    "the amount of a payout": (payout_off, "a payout", "po_"),
    "a payout that nobody posts": (payout_more, "a payout is not posted", "po_more: txn_none wanted"),
    "an entry of the journal": (entry_lost, "a transaction is not posted once", "times posted: 1 wanted, 0 found"),
    "a payout that nobody knows": (payout_gone, "a payout and the transaction that posts it differ", "po_"),
}


@pytest.mark.parametrize(("break_it", "gate", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_not_written(
    books: Books, monkeypatch: pytest.MonkeyPatch, break_it: Break, gate: str, says: str
) -> None:
    books.october()
    books.at(2035, 11, 6)
    with pytest.raises(BooksError) as stopped:
        books.close(**break_it(books, monkeypatch))
    assert stopped.value.gate.startswith(gate)
    assert says in str(stopped.value)
    assert not books.folder.exists()
    monkeypatch.undo()
    assert not books.close().before


def test_a_month_that_is_not_over_is_not_closed(books: Books) -> None:
    books.at(2035, 10, 31, 22, 59)
    with pytest.raises(BooksError, match="2035-10 is not over"):
        books.close()
    books.at(2035, 10, 31, 23, 0)
    books.close()


def test_an_opening_balance_must_be_the_former_closing_balance(books: Books) -> None:
    books.october()
    books.at(2035, 12, 3)
    books.close()
    with pytest.raises(BooksError, match=r"is not the closing balance of 2035-10.*EUR"):
        books.close(NOVEMBER, opening={"eur": 5})
    books.close(NOVEMBER, opening=books.close().manifest.closing)


def test_a_file_that_was_changed_is_noticed(books: Books) -> None:
    books.october()
    books.at(2035, 12, 3)
    books.close()
    journal = books.folder / "2035-10" / "journal.csv"
    journal.write_text(journal.read_text().replace("1200.00", "1200.01"))
    for month in (OCTOBER, NOVEMBER):
        with pytest.raises(BooksError, match=r"files of 2035-10 are not what was closed: journal.csv"):
            books.close(month)
    journal.write_text(journal.read_text(), encoding="utf-16")  # as a spreadsheet may
    with pytest.raises(BooksError, match=r"files of 2035-10 are not what was closed: journal.csv"):
        books.close()
    journal.unlink()
    with pytest.raises(BooksError, match=r"journal.csv: SHA-256 \w+ wanted, nothing found"):
        books.close()


def test_a_closed_month_is_not_closed_for_something_else(books: Books) -> None:
    books.charge(5_000)
    books.at(2035, 11, 3)
    books.close()
    others: list[tuple[dict[str, Any], str]] = [
        ({"account": "live:"}, "account: live: wanted, test: found"),
        ({"time_zone": "UTC"}, "time zone: UTC wanted, Europe/Berlin found"),
        ({"prefix": "EU"}, "prefix: EU wanted, STR found"),
    ]
    for other, says in others:
        with pytest.raises(BooksError, match=says):
            books.close(**other)
    chart = Chart({**DEFAULT.accounts, "category:charge": Account("4000", "Sales")})
    with pytest.raises(BooksError, match="is closed, and would be another now"):
        books.close(chart=chart)
    manifest = books.folder / "2035-10" / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(BooksError, match="manifest of 2035-10 cannot be read"):
        books.close()


def test_what_was_closed_and_is_gone_is_noticed(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.october()
    books.at(2035, 12, 3)
    books.close()
    tampering(lambda row: None if first_charge(row) else row)(books, monkeypatch)
    for month in (OCTOBER, NOVEMBER):
        with pytest.raises(BooksError, match="2035-10 is closed, and transactions of it are no longer at Stripe: txn_"):
            books.close(month)


def test_a_close_that_dies_before_its_manifest_has_not_closed(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.october()
    books.at(2035, 11, 3)
    replace_ = Path.replace

    def dies(self: Path, target: Any) -> Path:
        if Path(target).name == "manifest.json":
            raise KeyboardInterrupt
        return replace_(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        books.close()
    monkeypatch.undo()
    assert not (books.folder / "2035-10" / "manifest.json").exists()
    closed = books.close()
    assert not closed.before
    assert json.loads(books.files()["manifest.json"])["transactions"] == len(closed.rows)


def test_money_that_moves_while_one_reads_is_read_again(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.october()
    books.at(2035, 11, 6)
    there, left = ledger_source.stated_balance, [3]

    def moving(*given: Any) -> Sums:
        if left[0]:
            left[0] -= 1
            books.charge(1_000)
        return there(*given)

    monkeypatch.setattr(ledger_source, "stated_balance", moving)
    books.close()
    assert left == [0]
    left[0] = 10**6
    books.folder = books.folder / "other"
    with pytest.raises(BooksError, match="did not hold still"):
        books.close()


# The bank


def test_the_banks_lines_are_found_by_amount_and_day_each_once(books: Books) -> None:
    books.at(2035, 10, 5)
    books.charge(10_000)
    books.at(2035, 10, 9)
    books.charge(10_000)
    books.at(2035, 11, 6)
    arrivals = sorted(payout.arrives for payout in books.close().payouts)
    assert len(arrivals) == 2
    amount = 10_000 - 320
    late = BankLine(arrivals[0] + timedelta(days=2), amount, "usd")
    far = BankLine(date(2035, 10, 31), amount, "usd")
    other = BankLine(arrivals[1], amount, "eur")
    books.folder = books.folder / "other"
    closed = books.close(bank=[far, other, late])
    assert sorted(filter(None, (payout.bank_date for payout in closed.payouts))) == [late.date]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["date,amount", "2035-10-01,5"], "lacks the columns currency"),
        (["date,amount,currency", "2035-10-01,5.001,USD"], "row 2 .*'5.001' is no amount of USD"),
        (["date,amount,currency", "2035-10-01,5,USD", "1.10.2035,5,USD"], "row 3 .*1.10.2035"),
        (["date,amount,currency", "2035-10-01,5,XXX"], "row 2 .*unknown currency 'xxx'"),
        (["date,amount,currency", "2035-10-01"], "row 2 "),
        (["date,currency,amount", "2035-10-01,USD,1,048.25"], "row 2 .*more cells than the header"),
        (["date,amount,currency,text", '2035-10-01,5,USD,"paid', "2035-10-02,6,USD,x"], "row 2 .*is no CSV"),
    ],
)
def test_a_file_of_the_bank_that_says_nothing_is_refused(lines: list[str], says: str) -> None:
    with pytest.raises(BankFileError, match=says):
        read_bank_lines(lines)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=12, deadline=None
)
@given(generated_months())
def test_any_month_at_the_sandbox_ties_and_is_the_same_from_wherever_it_is_closed(
    stripe_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, made: GeneratedMonth
) -> None:
    stripe_sandbox.reset()
    books = Books(stripe_sandbox, tmp_path_factory.mktemp("books"))
    for row in made.rows:
        if row.category in {"payout", "payout_reversal"}:  # the sandbox pays out by itself
            continue
        fees = {fee.type: fee.amount for fee in row.fees}
        given = {"type": row.type, "category": row.category, "fees": fees, "created": row.created}
        books.move(row.amount, row.currency, **given)
    closed = books.close(made.month, time_zone=str(made.zone))
    ends = made.month.ends(made.zone).timestamp()
    there = Counter[str]()
    for page in books.client.pages("list_balance_transactions"):
        for one in page:
            there[one["currency"]] += one["net"] if one["created"] < ends else 0
    assert {name: amount for name, amount in closed.manifest.closing.items() if amount} == {
        name: amount for name, amount in there.items() if amount
    }
    assert {row.id for row in closed.rows} == {row["transaction"] for row in journal(books, made.month)}
    first = books.files(made.month)
    assert books.close(made.month, time_zone=str(made.zone)).before
    books.folder = tmp_path_factory.mktemp("others")
    books.close(made.month, time_zone=str(made.zone))
    assert books.files(made.month) == first


# What is on its way

PAYOUT = Payout("po_1", 700, "usd", True, date(2035, 10, 31), "txn_po", "")
LEFT = BalanceRow("txn_po", 2_077_000_000, "usd", -700, 0, -700, (), "payout", "payout", "po_1")
END = int(NOVEMBER.begins(zone_of(ZONE)).timestamp())
CAME_BACK = BalanceRow("txn_back", 2_077_000_100, "usd", 700, 0, 700, (), "payout_reversal", "payout_failure", "po_1")


@pytest.mark.parametrize(
    ("payout", "later", "state"),
    [
        (PAYOUT, (), "arrived"),
        (replace(PAYOUT, arrives=NOVEMBER.first), (), "in transit"),
        (replace(PAYOUT, returned_by="txn_back", returned=END - 1), (), "returned"),
        (replace(PAYOUT, returned_by="txn_back", returned=END - 1), ("txn_back",), "arrived"),
        (replace(PAYOUT, returned_by="txn_back", returned=END), (), "arrived"),
        (replace(PAYOUT, returned_by="txn_back", returned=END, arrives=NOVEMBER.first), (), "in transit"),
    ],
)
def test_where_the_money_was_when_the_month_ended(payout: Payout, later: tuple[str, ...], state: str) -> None:
    assert at_the_end(payout, NOVEMBER.begins(zone_of(ZONE)), NOVEMBER.first, later).state == state


def test_what_left_and_is_nowhere_stops() -> None:
    arrived = replace(PAYOUT, state="arrived")
    assert transit([], [arrived], [LEFT]).arrived == {"usd": 700}
    assert transit([PAYOUT], [arrived], []).closing == {}
    for before, after, rows, says in (
        ([], [], [LEFT], r"USD, 0 and 700 less 0 and 0: 0.00 USD \(0\) wanted, 7.00 USD \(700\) found"),
        ([], [arrived], [LEFT, CAME_BACK], r"USD, 0 and 700 less 700 and 700"),
        ([PAYOUT], [], [], r"USD, 700 and 0 less 0 and 0"),
        ([], [replace(arrived, amount=699)], [LEFT], r"1.00|0.01 USD \(1\) found"),
    ):
        with pytest.raises(BooksError, match="in transit is not explained") as stopped:
            transit(before, after, rows)
        assert re.search(says, str(stopped.value))


# A payout that comes back


def test_a_payout_that_fails_after_its_month_was_closed_is_taken_up_in_the_month_in_which_it_does(
    books: Books, tmp_path: Path
) -> None:
    books.at(2035, 10, 5)
    books.charge(10_000)
    books.at(2035, 10, 12)
    (payout,) = books.payouts()
    books.at(2035, 11, 3)
    closed = books.close()
    (arrived,) = closed.payouts
    assert (arrived.state, closed.manifest.in_transit) == ("arrived", {})
    before = books.files()
    books.sandbox.seed("payout_failure", payout=payout["id"])
    books.at(2035, 12, 3)
    after = books.close(NOVEMBER)
    assert after.transit is not None
    assert after.transit.opening == closed.manifest.in_transit
    assert after.transit.returned == {"usd": payout["amount"]}
    # It was taken for arrived; and what came back was paid out once more, and arrived indeed.
    assert after.transit.arrived == {}
    assert [line["category"] for line in journal(books, NOVEMBER) if line["part"] == "amount"] == [
        "payout_reversal",
        "payout",
    ]
    again = books.close()
    assert (again.before, again.late, books.files()) == (True, [], before)
    books.folder = tmp_path / "others"
    books.close()
    assert books.files() == before


def test_a_payout_that_failed_before_the_month_is_not_on_its_way_in_it(books: Books) -> None:
    books.at(2035, 10, 28)
    books.charge(10_000)
    books.at(2035, 10, 31, 1)
    (payout,) = books.payouts()
    books.sandbox.seed("payout_failure", payout=payout["id"])
    books.at(2035, 11, 6)
    closed = books.close()
    assert closed.transit is not None
    assert closed.transit.returned == {"usd": payout["amount"]}
    books.at(2035, 12, 3)
    after = books.close(NOVEMBER)
    assert after.transit is not None
    assert after.transit.opening == closed.manifest.in_transit == {}
    assert after.manifest.in_transit == {}
