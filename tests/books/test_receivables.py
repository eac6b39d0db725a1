"""What is owed: every invoice in its bucket, all buckets what Stripe says remains, today and on days that are past."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.flows.ageing import (
    BUCKETS,
    Owed,
    ageing_csv,
    by_bucket,
    by_customer,
    check_control,
    invoices_csv,
    owed,
)
from prefect_stripe.flows.ledger_rows import BooksError
from prefect_stripe.flows.receivables import in_markdown, read, report_of
from tests.books.account import ZONE, Books

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2035, 10, 28)  # the day on which an hour comes twice


def invoice(**given: Any) -> dict[str, Any]:
    """An invoice over 50.00 USD, due at noon of the day, as Stripe sends it."""
    noon = int(datetime(2035, 10, 28, 11, tzinfo=UTC).timestamp())
    turns = {"finalized_at": noon - 86_400 * 200, "paid_at": None, "voided_at": None, "marked_uncollectible_at": None}
    usual: dict[str, Any] = {
        "id": "in_1",
        "number": "A-1",
        "customer": "cus_1",
        "customer_name": "Ann",
        "currency": "usd",
        "amount_due": 5000,
        "amount_paid": 0,
        "amount_remaining": 5000,
        "pre_payment_credit_notes_amount": 0,
        "due_date": noon,
        "status_transitions": turns,
    }
    return {**usual, **given, "status_transitions": {**turns, **given.get("status_transitions", {})}}


def aged(as_of: date, **given: Any) -> Owed:
    found = owed(invoice(**given), as_of, BERLIN, None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-200, 0),
        (-1, 0),
        (0, 0),
        (1, 1),
        (30, 1),
        (31, 2),
        (60, 2),
        (61, 3),
        (90, 3),
        (91, 4),
        (120, 4),
        (121, 5),
        (900, 5),
    ],
)
def test_an_invoice_is_in_the_bucket_of_its_days(days: int, bucket: int) -> None:
    due = int(datetime(2035, 10, 28, 11, tzinfo=UTC).timestamp())
    made = invoice(due_date=due, status_transitions={"finalized_at": due - 86_400 * 1000})
    found = owed(made, DAY + timedelta(days=days), BERLIN, None)
    assert found is not None
    assert (found.bucket, found.days) == (BUCKETS[bucket], days)


def test_days_are_those_of_the_zone_also_when_an_hour_comes_twice() -> None:
    before = int(datetime(2035, 10, 27, 22, 30, tzinfo=UTC).timestamp())  # half past midnight, in Berlin
    assert aged(DAY, due_date=before).days == 0
    assert aged(DAY, due_date=before - 3_600).days == 1
    late = int(
        datetime(2035, 10, 28, 22, 30, tzinfo=UTC).timestamp()
    )  # half past eleven, an hour later than the day before
    assert aged(DAY + timedelta(days=1), due_date=late).days == 1


def test_without_a_due_date_an_invoice_ages_from_its_finalization() -> None:
    finalized = int(datetime(2035, 9, 27, 12, tzinfo=UTC).timestamp())
    assert aged(DAY, due_date=None, status_transitions={"finalized_at": finalized}).days == 31


def test_what_does_not_add_up_stops_with_the_figures() -> None:
    with pytest.raises(BooksError, match=r"in_1: 45.00 USD \(4500\) wanted, 50.00 USD \(5000\) found"):
        aged(DAY, amount_paid=500)
    assert aged(DAY, amount_paid=500, amount_remaining=4500).amount == 4500
    with pytest.raises(BooksError, match=r"credit notes.*in_1: none wanted, 700 usd found"):
        owed(invoice(pre_payment_credit_notes_amount=700), DAY, BERLIN, lambda id, at: 0)


CUSTOMERS, CURRENCIES = ("cus_1", "cus_2", "cus_3"), ("eur", "jpy", "kwd", "usd")


@st.composite
def debts(draw: st.DrawFn) -> Owed:
    number, days, amount = draw(st.integers(0, 10**6)), draw(st.integers(-200, 2000)), draw(st.integers(1, 10**9))
    customer, currency = draw(st.sampled_from(CUSTOMERS)), draw(st.sampled_from(CURRENCIES))
    since = DAY - timedelta(days=days)
    return Owed(f"in_{number}", "", customer, f"of {customer}", currency, amount, "open", since, days)


SOME = st.lists(debts())


@given(SOME)
def test_buckets_come_to_all_that_is_owed_in_each_currency(some: list[Owed]) -> None:
    wanted = Counter[str]()
    for one in some:
        wanted[one.currency] += one.amount
    check_control(some, wanted)
    assert {name: sum(buckets.values()) for name, buckets in by_bucket(some).items()} == wanted
    for table in (ageing_csv(some), invoices_csv(some)):
        written = Counter[str]()
        digits = {"EUR": 2, "JPY": 0, "KWD": 3, "USD": 2}
        for row in csv.DictReader(io.StringIO(table)):
            amount = row["total"] if "total" in row else row["amount"]
            whole, _, part = amount.partition(".")
            assert len(part) == digits[row["currency"]]
            written[row["currency"].lower()] += int(whole + part)
        assert written == wanted
    assert len(by_customer(some)) == len({(one.currency, one.customer) for one in some})


@given(SOME, st.sampled_from(CURRENCIES), st.integers(1, 10**6))
def test_a_control_account_that_says_anything_else_stops(some: list[Owed], currency: str, off: int) -> None:
    control = Counter[str]()
    for one in some:
        control[one.currency] += one.amount
    control[currency] += off
    with pytest.raises(BooksError, match="not what the control account says") as stopped:
        check_control(some, control)
    (found,) = stopped.value.differences
    assert (found.wanted, found.found) == (control[currency], control[currency] - off)


# At the sandbox


class Shop:
    """Invoices at the sandbox, sent and paid as customers do."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.customer = books.send("POST", "/v1/customers", email="ann@example.com", name="Ann Lee")["id"]

    def invoice(self, amount: int, currency: str = "usd", days: int = 10) -> str:
        sent = {"customer": self.customer, "collection_method": "send_invoice", "days_until_due": str(days)}
        made: str = self.books.send("POST", "/v1/invoices", **sent, currency=currency)["id"]
        item = {"customer": self.customer, "invoice": made, "amount": str(amount), "currency": currency}
        self.books.send("POST", "/v1/invoiceitems", **item)
        return str(self.act(made, "finalize")["id"])

    def act(self, invoice: str, action: str, **how: str) -> dict[str, Any]:
        return self.books.send("POST", f"/v1/invoices/{invoice}/{action}", **how)


def remaining(books: Books) -> Counter[str]:
    """What Stripe says remains, of all invoices that it lists."""
    found = Counter[str]()
    for one in books.send("GET", "/v1/invoices", limit="100")["data"]:
        if one["status"] in {"open", "uncollectible"}:
            found[one["currency"]] += one["amount_remaining"]
    return found


def test_what_is_owed_today_is_what_remains(books: Books) -> None:
    shop = Shop(books)
    paid, void, lost = shop.invoice(1_000), shop.invoice(2_000), shop.invoice(4_000)
    shop.invoice(8_000, "jpy")
    shop.act(paid, "pay", paid_out_of_band="true")
    shop.act(void, "void")
    shop.act(lost, "mark_uncollectible")
    books.at(2035, 11, 15)
    shop.invoice(16_000, "kwd", days=30)
    some, day = read(books.client, None, ZONE)
    assert day == date(2035, 11, 15)
    assert remaining(books) == {"usd": 4_000, "jpy": 8_000, "kwd": 16_000}
    check_control(some, remaining(books))
    assert {(one.currency, one.bucket, one.status) for one in some} == {
        ("usd", "31-60", "uncollectible"),
        ("jpy", "31-60", "open"),
        ("kwd", "not due", "open"),
    }
    report = report_of(some, day, False, "", "")
    told = in_markdown(report, some)
    assert "40.00 USD" in told
    assert "16.000 KWD" in told
    assert "| currency | customer | total | not due |" in told
    assert "| KWD | **1 customer** | 16.000 KWD | 16.000 KWD |" in told
    assert "Ann Lee" not in told
    assert "data:image/png;base64," in told
    assert "Ann Lee" in ageing_csv(some)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "@SUM(A1)", "+1", "-1+1"])
def test_a_name_that_a_spreadsheet_would_reckon_with_is_a_text(name: str) -> None:
    some = [aged(DAY, customer_name=name)]
    for text in (ageing_csv(some), invoices_csv(some)):
        assert next(csv.DictReader(io.StringIO(text)))["name"] == f"'{name}"


def test_a_day_that_is_past_is_as_it_was_whatever_came_after(books: Books) -> None:
    shop = Shop(books)
    later_paid, later_void, later_lost, early = (shop.invoice(amount) for amount in (1_000, 2_000, 4_000, 8_000))
    books.at(2035, 10, 15)
    shop.act(early, "pay", paid_out_of_band="true")
    books.at(2035, 10, 20)
    was, day = read(books.client, None, ZONE)
    books.at(2035, 11, 20)
    shop.act(later_paid, "pay", paid_out_of_band="true")
    shop.act(later_void, "void")
    shop.act(later_lost, "mark_uncollectible")
    shop.invoice(16_000)
    again, _ = read(books.client, day, ZONE)
    assert sorted(again, key=lambda one: one.invoice) == sorted(was, key=lambda one: one.invoice)
    assert {(one.amount, one.bucket) for one in again} == {(1_000, "1-30"), (2_000, "1-30"), (4_000, "1-30")}
    now, _ = read(books.client, None, ZONE)
    check_control(now, remaining(books))


def test_a_day_that_is_yet_to_come_is_refused(books: Books) -> None:
    books.at(2035, 11, 15, 23, 30)
    read(books.client, date(2035, 11, 16), ZONE)  # it has begun, in Berlin
    with pytest.raises(ValueError, match="2035-11-17 is yet to come"):
        read(books.client, date(2035, 11, 17), ZONE)
