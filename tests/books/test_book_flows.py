"""The flows of the books on a Prefect server: what they return, what they leave to be read, and how they stop."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from prefect import State
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows import BooksError, close_month, receivables, sync_ledger
from prefect_stripe.flows.accounts import DEFAULT, ChartError
from prefect_stripe.flows.close_month import balances_in
from prefect_stripe.flows.close_report import CloseReport
from prefect_stripe.flows.ledger_store import LedgerError
from prefect_stripe.flows.receivables import AgeingReport
from prefect_stripe.flows.sync_ledger import SyncReport
from tests.books.account import ZONE, Books
from tests.books.test_receivables import Shop
from tests.flows.told import Told, events, eventually


@pytest.fixture
def credentials(books: Books) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr(books.sandbox.api_key), api_base=books.sandbox.url, max_retries=0)


def run(flow: Any, **given: Any) -> State[Any]:
    state: State[Any] = flow(**given, time_zone=ZONE, return_state=True)
    return state


def picture_in(markdown: str) -> bytes:
    (encoded,) = re.findall(r"!\[[^]]+\]\(data:image/png;base64,([^)]+)\)", markdown)
    return b64decode(encoded)


@pytest.mark.server
def test_a_month_is_closed_and_told_of_with_its_picture(books: Books, credentials: StripeCredentials) -> None:
    books.october()
    books.at(2035, 11, 3)
    state = run(close_month, folder=str(books.folder), credentials=credentials)
    report = CloseReport.model_validate(state.result())
    told = Told(state)
    assert (state.name, told.flow_run.name, report.month) == ("Completed", "books of last month", "2035-10")
    assert sorted(report.files) == sorted(books.files())
    assert {one.currency: one.opening + one.movement for one in report.currencies} == {
        one.currency: one.closing for one in report.currencies
    }
    artifact = told.artifact_of("markdown")
    assert artifact.key == "books-2035-10"
    data = str(artifact.data)
    assert picture_in(data).startswith(b"\x89PNG")
    assert "| KWD | charge | 2 | 124.990 KWD |" in data
    assert "Tax on fees" not in data
    assert events("stripe.books.2035-10", 1) == {"stripe.books.closed": 1}
    again = run(close_month, folder=str(books.folder), month="2035-10", credentials=credentials)
    assert CloseReport.model_validate(again.result()).closed_before


@pytest.mark.server
def test_what_does_not_tie_fails_the_run_with_the_figures_in_its_artifact(
    books: Books, credentials: StripeCredentials
) -> None:
    books.charge(5_000)
    books.at(2035, 11, 3)
    state = run(
        close_month, folder=str(books.folder), month="2035-10", credentials=credentials, opening_balances="0.01 USD"
    )
    assert state.is_failed()
    with pytest.raises(BooksError, match="do not make the closing balance"):
        state.result()
    data = str(Told(state).artifact_of("markdown").data)
    assert "**2035-10 is not closed**" in data
    assert re.search(r"\| USD, 1 and -?\d+ \| .* USD \(-?\d+\) \| .* USD \(-?\d+\) \|", data)
    assert not books.folder.exists()
    seen = eventually(lambda: events("stripe.books.2035-10", 1), lambda seen: "stripe.books.stopped" in seen)
    assert seen["stripe.books.stopped"] == 1


@pytest.mark.server
def test_what_comes_late_or_is_not_at_the_bank_names_the_state(
    books: Books, credentials: StripeCredentials, tmp_path: Path
) -> None:
    books.charge(5_000)
    books.at(2035, 11, 3)
    bank = tmp_path / "bank.csv"
    bank.write_text("date,amount,currency\n2035-10-05,1.00,USD\n")
    given: dict[str, Any] = {"folder": str(books.folder), "month": "2035-10", "credentials": credentials}
    state = run(close_month, **given, bank_file=str(bank))
    report = CloseReport.model_validate(state.result())
    assert (state.name, report.unmatched) == (
        "CompletedWithUnmatchedPayouts",
        [payout["id"] for payout in books.payouts()],
    )
    late = books.move(-100, type="stripe_fee", created=int(books.sandbox.clock.time()) - 86_400 * 10)
    state = run(close_month, **given)
    report = CloseReport.model_validate(state.result())
    assert (state.name, report.late, report.late_posted) == ("CompletedWithLateTransactions", [late["id"]], False)
    assert f"| {late['id']} |" in str(Told(state).artifact_of("markdown").data)


@pytest.mark.server
def test_files_that_cannot_be_used_fail_the_run_in_words(
    books: Books, credentials: StripeCredentials, tmp_path: Path
) -> None:
    books.at(2035, 11, 3)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("posts,account\ncharge,Sales\n")
    given: dict[str, Any] = {"folder": str(books.folder), "month": "2035-10", "credentials": credentials}
    for wrong, error, says in (
        ({"accounts_file": str(accounts)}, ChartError, "'charge' is neither"),
        ({"ledger": "postgresql://books:hush@db.example.com/books"}, LedgerError, "holds a password"),
        ({"opening_balances": "12,50 EUR"}, ValueError, "'12' is no balance"),
        ({"month": "11/2035"}, ValueError, "'11/2035' is no month: write it as 2026-10"),
        (
            {"month": "2035-11"},
            BooksError,
            r"2035-11 is not over: Stripe's clock: 2035-11-30T23:00:00.00:00 or later wanted",
        ),
        ({"month": "9999-12"}, ValueError, "9999-12 is a month that cannot be reckoned with"),
    ):
        state = run(close_month, **{**given, **wrong})
        with pytest.raises(error, match=says):
            state.result()
    assert not books.folder.exists()


@pytest.mark.server
def test_the_ledger_is_kept_and_the_close_finds_it_complete(
    books: Books, credentials: StripeCredentials, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"ledger": str(tmp_path / "ledger.db"), "credentials": credentials}
    books.charge(5_000)
    state = run(sync_ledger, **given)
    assert SyncReport.model_validate(state.result()).movement == {"usd": 4_825}
    row: dict[str, Any] = {"currency": "USD", "category": "charge", "transactions": 1, "net": "48.25 USD"}
    assert Told(state).table == [row]
    assert SyncReport.model_validate(run(sync_ledger, **given).result()).posted == 0
    books.at(2035, 11, 3)
    run(sync_ledger, **given)
    closed = run(close_month, folder=str(books.folder), **given)
    assert CloseReport.model_validate(closed.result()).posted == 0
    without = run(sync_ledger, credentials=credentials)
    with pytest.raises(LedgerError, match="no ledger is named"):
        without.result()


@pytest.mark.server
def test_what_is_owed_is_told_with_its_picture_and_held_against_the_books(
    books: Books, credentials: StripeCredentials, tmp_path: Path
) -> None:
    shop = Shop(books)
    shop.invoice(4_000)
    shop.invoice(9_000, "jpy")
    books.at(2035, 11, 20)
    given: dict[str, Any] = {"credentials": credentials, "ageing_file": str(tmp_path / "ageing.csv")}
    state = run(receivables, **given, control_balances="40.00 USD, 9000 JPY")
    report = AgeingReport.model_validate(state.result())
    assert {one.currency: one.buckets["31-60"] for one in report.currencies} == {"usd": 4_000, "jpy": 9_000}
    data = str(Told(state).artifact_of("markdown").data)
    assert picture_in(data).startswith(b"\x89PNG")
    assert "Ann Lee" not in data
    assert "Ann Lee,USD,0.00,0.00,40.00,0.00,0.00,0.00,40.00" in (tmp_path / "ageing.csv").read_text()
    (tmp_path / "ageing.csv").unlink()
    with pytest.raises(BooksError, match=r"USD: 39.99 USD \(3999\) wanted, 40.00 USD \(4000\) found"):
        run(receivables, **given, control_balances="39.99 USD, 9000 JPY").result()
    assert not (tmp_path / "ageing.csv").exists()


@pytest.mark.server
def test_the_ageing_and_the_invoices_are_not_written_over_one_another(
    credentials: StripeCredentials, tmp_path: Path
) -> None:
    (tmp_path / "within").mkdir()
    for other in ("owed.csv", "within/../owed.csv"):
        state = run(
            receivables,
            credentials=credentials,
            ageing_file=str(tmp_path / "owed.csv"),
            invoices_file=f"{tmp_path}/{other}",
        )
        with pytest.raises(ValueError, match=r"owed\.csv is named for both"):
            state.result()
    assert [path.name for path in tmp_path.iterdir()] == ["within"]


@pytest.mark.parametrize(
    "text", ["12.345 USD", "5 xxx", "5", "1 USD, 2 USD", "1,000.00 USD", "NaN USD", "1e999 USD", ""]
)
def test_a_balance_that_says_nothing_or_two_things_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no balance"):
        balances_in(text)


def test_balances_are_read_to_the_minor_unit() -> None:
    assert balances_in("1234.5 usd, -0.001 KWD,500 JPY") == {"usd": 123_450, "kwd": -1, "jpy": 500}


def test_the_chart_that_comes_with_it_is_in_the_closed_month(books: Books) -> None:
    books.at(2035, 11, 3)
    books.close()
    assert books.files()["accounts.csv"].decode() == DEFAULT.in_csv()
