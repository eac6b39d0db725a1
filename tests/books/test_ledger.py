"""The ledger: what is new is posted once, whoever posts and whenever it dies, and the close finds what it wants."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from prefect_stripe.flows import ledger_source
from prefect_stripe.flows.accounts import DEFAULT, Chart
from prefect_stripe.flows.journal import Line, journal
from prefect_stripe.flows.ledger_rows import BalanceRow, BooksError, sums
from prefect_stripe.flows.ledger_store import Ledger, LedgerError, ledger_at
from prefect_stripe.flows.months import zone_of
from prefect_stripe.flows.sync_ledger import SyncReport, post_new
from prefect_stripe.sandbox import Sandbox
from tests.books.account import ACCOUNT, DECEMBER, NOVEMBER, OCTOBER, ZONE, Books
from tests.books.months import GeneratedMonth, generated_months

FIRST = date(2035, 10, 1)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.db")


def opened(place: str) -> Ledger:
    ledger = ledger_at(place, ACCOUNT, ZONE)
    assert ledger is not None
    return ledger


def sync(books: Books, place: str, hours: int = 72, chart: Chart = DEFAULT) -> SyncReport:
    return post_new(books.client, opened(place), chart, FIRST, timedelta(hours=hours))[1]


def at_stripe(books: Books) -> Counter[str]:
    return Counter(row["id"] for page in books.client.pages("list_balance_transactions") for row in page)


def posted(place: str) -> Counter[str]:
    return Counter(line.transaction for line in opened(place).lines() if line.part == "net")


def test_what_is_new_is_posted_once(books: Books, place: str) -> None:
    books.charge(5_000)
    assert sync(books, place).posted == 1
    assert sync(books, place).posted == 0
    books.later(minutes=5)
    intent = books.charge(70_000, "jpy")
    books.refund(intent, 20_000)
    report = sync(books, place)
    assert (report.posted, report.movement) == (2, {"jpy": 70_000 - 2_060 - 20_000})
    books.at(2035, 10, 9)
    assert sync(books, place).posted == len(books.payouts())
    assert posted(place) == at_stripe(books)


def test_the_close_finds_nothing_missing_and_nothing_new(books: Books, place: str) -> None:
    steps: list[Callable[[], object]] = [books.october, lambda: books.at(2035, 11, 6)]
    for step in steps:
        step()
        sync(books, place)
    closed = books.close(ledger=opened(place))
    assert closed.posted == []
    there = [line for line in opened(place).lines() if line.date < date(2035, 11, 1)]
    assert there == list(closed.lines)
    assert books.close(ledger=opened(place)).posted == []


def test_the_close_posts_what_is_missing(books: Books, place: str) -> None:
    books.charge(1_000)
    sync(books, place)
    before = posted(place)
    books.october()
    books.at(2035, 11, 6)
    closed = books.close(ledger=opened(place))
    assert set(closed.posted) == {row.id for row in closed.rows} - before.keys()
    assert sync(books, place, hours=24 * 40).posted == len(at_stripe(books)) - len(closed.rows)
    assert posted(place) == at_stripe(books)


def test_what_comes_late_is_posted_after_the_months_that_are_closed_by_whoever_finds_it(
    books: Books, place: str
) -> None:
    books.october()
    books.at(2035, 11, 3)
    sync(books, place)
    books.close(ledger=opened(place))
    at = int(OCTOBER.ends(zone_of(ZONE)).timestamp())
    seen = books.move(-500, type="stripe_fee", created=at - 3_600)
    assert sync(books, place, hours=24 * 7).posted == 1
    unseen = books.move(-700, type="stripe_fee", created=at - 86_400 * 20)
    assert sync(books, place, hours=24 * 7).posted == 0
    late = {seen["id"], unseen["id"]}
    assert {row.id for row in books.close(ledger=opened(place)).late} == late
    books.at(2035, 12, 3)
    sync(books, place)
    following = books.close(NOVEMBER, ledger=opened(place))
    assert set(following.manifest.late) == late
    assert unseen["id"] in following.posted
    days = {line.transaction: line.date for line in opened(place).lines()}
    assert {days[id] for id in late} == {date(2035, 11, 1)}
    for month in (OCTOBER, NOVEMBER):
        assert books.close(month, ledger=opened(place)).posted == []
    assert posted(place) == at_stripe(books)


def test_what_comes_late_by_months_is_posted_where_the_close_wants_it_by_whoever_finds_it(
    books: Books, place: str
) -> None:
    for month, at in ((OCTOBER, (2035, 11, 3)), (NOVEMBER, (2035, 12, 3))):
        books.at(*at)
        books.close(month, ledger=opened(place))
    at_first = int(OCTOBER.begins(zone_of(ZONE)).timestamp())
    seen = books.move(-500, type="stripe_fee", created=at_first)
    assert sync(books, place, hours=24 * 90).posted == 1
    unseen = books.move(-700, type="stripe_fee", created=at_first)
    books.at(2036, 1, 3)
    closed = books.close(DECEMBER, ledger=opened(place))
    assert set(closed.manifest.late) == {seen["id"], unseen["id"]}
    assert closed.posted == [unseen["id"]]
    assert {line.date for line in opened(place).lines()} == {DECEMBER.first}
    assert books.close(DECEMBER, ledger=opened(place)).posted == []


def test_what_the_ledger_has_and_no_balance_shows_is_found_by_looking_further_back(books: Books, place: str) -> None:
    for month, at in ((OCTOBER, (2035, 11, 3)), (NOVEMBER, (2035, 12, 3))):
        books.at(*at)
        books.close(month, ledger=opened(place))
    at_first = int(OCTOBER.begins(zone_of(ZONE)).timestamp())
    for amount in (-500, 500):
        books.move(amount, category="dispute", type="adjustment", created=at_first)
    sync(books, place, hours=24 * 90)
    books.at(2036, 1, 3)
    with pytest.raises(BooksError, match=r"the ledger holds something else than the journal: txn_.*nothing wanted"):
        books.close(DECEMBER, ledger=opened(place))
    assert books.close(DECEMBER, ledger=opened(place), look_back_months=2).posted == []


# What is wrong


def broken(place: str, statement: str) -> None:
    engine: Any = vars(opened(place))["_engine"]
    with engine.begin() as connection:
        assert connection.exec_driver_sql(statement).rowcount


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE journal_lines SET debit = debit + 1 WHERE part = 'net' AND debit = 4825", "holds something else"),
        (
            "UPDATE journal_lines SET account = 'Elsewhere' WHERE part = 'fee'",
            "Stripe fees, 175 debit.* Elsewhere, 175",
        ),
        (
            "DELETE FROM journal_lines WHERE part = 'fee'",
            "line 2: 2035-10-01 Stripe fees, 175 debit.* wanted, nothing found",
        ),
        ("UPDATE journal_lines SET posted_on = '2035-09-30'", "on another day than the journal: txn_.*2035-10-01"),
        (
            "INSERT INTO journal_lines SELECT stripe_account, 'txn_more', line, posted_on, part, account_number, "
            "account, party, currency, debit, credit, category, source, created FROM journal_lines",
            "holds something else than the journal: txn_more, line 1: nothing wanted",
        ),
    ],
)
def test_a_ledger_that_holds_something_else_stops_the_close(
    books: Books, place: str, statement: str, says: str
) -> None:
    books.charge(5_000)
    sync(books, place)
    broken(place, statement)
    books.at(2035, 11, 6)
    with pytest.raises(BooksError, match=says):
        books.close(ledger=opened(place))
    assert not books.folder.exists()


def test_nothing_is_posted_of_what_does_not_hold(books: Books, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    books.charge(5_000)
    books.move(900, type="topup")
    with pytest.raises(BooksError, match=r"category:topup .* 9.00 USD \(900\) found"):
        sync(books, place)
    assert posted(place) == Counter()
    chart = Chart({**DEFAULT.accounts, "category:topup": DEFAULT.accounts["category:payout"]})
    read = ledger_source.balance_rows

    def wrong(*given: Any) -> list[BalanceRow]:
        return [replace(row, net=1) for row in read(*given)]

    monkeypatch.setattr(ledger_source, "balance_rows", wrong)
    with pytest.raises(BooksError, match="net is not amount less fee"):
        sync(books, place, chart=chart)
    assert posted(place) == Counter()
    monkeypatch.undo()
    assert sync(books, place, chart=chart).posted == 2


# Whenever it dies, and whoever else is there


class Dies(Exception):
    pass


def test_a_run_that_dies_at_any_statement_leaves_whole_transactions_and_the_next_completes_them(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.october()
    wanted, deaths, there = at_stripe(books), 0, Connection.execute
    for number in range(1, 100):
        place = str(tmp_path / f"ledger-{number}.db")
        left = iter(range(number))

        def execute(self: Any, *given: Any, left: Iterator[int] = left, **options: Any) -> Any:
            if next(left, None) is None:
                raise Dies
            return there(self, *given, **options)

        monkeypatch.setattr(Connection, "execute", execute)
        try:
            sync(books, place)
        except Dies:
            deaths += 1
        else:
            break
        finally:
            monkeypatch.undo()
        lines = Counter(line.transaction for line in opened(place).lines())
        sync(books, place)
        whole = Counter(line.transaction for line in opened(place).lines())
        assert lines == Counter({id: whole[id] for id in lines})
        assert posted(place) == wanted
    assert deaths > 15


def test_many_at_once_post_each_transaction_once(books: Books, place: str) -> None:
    books.october()
    together = threading.Barrier(6)

    def run(_: int) -> int:
        together.wait()
        return sync(books, place).posted

    with ThreadPoolExecutor(6) as threads:
        counts = list(threads.map(run, range(6)))
    assert sum(counts) == len(at_stripe(books))
    assert posted(place) == at_stripe(books)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(generated_months(), st.data())
def test_any_month_posted_in_any_portions_is_the_journal(
    tmp_path_factory: pytest.TempPathFactory, made: GeneratedMonth, data: st.DataObject
) -> None:
    place = str(tmp_path_factory.mktemp("ledger") / "ledger.db")
    ledger = ledger_at(place, ACCOUNT, str(made.zone))
    assert ledger is not None
    lines = journal(made.rows, DEFAULT, made.zone)
    ids = [row.id for row in made.rows]
    for _ in range(data.draw(st.integers(1, 4))):
        some = set(data.draw(st.lists(st.sampled_from(ids), unique=True))) if ids else set[str]()
        ledger.post([line for line in lines if line.transaction in some])
    ledger.check(lines, made.month.first, made.month.after.first)
    ledger.post(lines)
    assert ledger.post(lines) == []
    assert ledger.lines() == lines
    balance = Counter[str]()
    for line in ledger.lines():
        if line.part == "net":
            balance[line.currency] += line.amount
    assert balance == Counter(sums(made.rows))


# Places


def test_an_account_s_lines_are_its_own(place: str) -> None:
    line = Line(FIRST, "txn_1", 1, "net", DEFAULT.balance, 5, "usd", "charge", "ch_1", 1)
    for account in ("test:", "live:", "test:acct_1"):
        ledger = ledger_at(place, account, ZONE)
        assert ledger is not None
        assert ledger.post([line]) == ["txn_1"]
        assert ledger.lines() == [line]


def test_a_ledger_is_of_one_account_though_the_keys_look_alike(books: Books, place: str, tmp_path: Path) -> None:
    books.charge(5_000)
    assert sync(books, place).posted == 1
    with Sandbox.start() as sandbox:
        other = Books(sandbox, tmp_path)
        other.charge(7_000)
        with pytest.raises(LedgerError, match="which this account has not: name another ledger"):
            sync(other, place)
    assert len(posted(place)) == 1
    assert sync(books, place).posted == 0


def test_a_ledger_is_of_one_time_zone(place: str) -> None:
    assert opened(place).begin(FIRST) == FIRST
    assert opened(place).begin(date(2035, 12, 1)) == FIRST
    other = ledger_at(place, ACCOUNT, "UTC")
    assert other is not None
    with pytest.raises(LedgerError, match="kept in Europe/Berlin, not in UTC"):
        other.begin(FIRST)


def test_a_ledger_does_not_begin_on_a_day_that_is_yet_to_come(books: Books, place: str) -> None:
    books.charge(5_000)
    with pytest.raises(ValueError, match="since: 2053-10-01 is yet to come"):
        post_new(books.client, opened(place), DEFAULT, date(2053, 10, 1), timedelta(hours=72))
    assert sync(books, place).posted == 1


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("postgresql://books:hush@db.example.com/books", "holds a password: put it into the variable STRIPE_LEDGER"),
        ("postgresql+nothing://db.example.com/books", "its driver is not installed here"),
        ("nothing at all://", "no path and no SQLAlchemy URL"),
        ("/nowhere/at/all/ledger.db", "unable to open database file"),
    ],
)
def test_a_place_that_will_not_do_is_refused_in_words(place: str, says: str) -> None:
    with pytest.raises(LedgerError, match=says) as refused:
        ledger_at(place, ACCOUNT, ZONE)
    assert "hush" not in str(refused.value)


def test_the_environment_names_a_ledger_where_no_parameter_does(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    assert ledger_at("", ACCOUNT, ZONE) is None
    monkeypatch.setenv("STRIPE_LEDGER", f"sqlite:///{place}")
    there = ledger_at("", ACCOUNT, ZONE)
    assert there is not None
    assert there.begin(FIRST) == FIRST
    assert place in repr(there)
