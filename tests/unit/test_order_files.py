"""Orders from CSV: what is sound becomes an order, what is not a reject, and no row is lost between the two."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_stripe.flows import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.order_files import COLUMNS, OrderFile, read_orders
from prefect_stripe.flows.order_rows import OrderFileError

HEADER = "external_id,customer_email,currency,description,quantity,unit_amount,total"
GOOD = "ORD-1,jenny@example.com,usd,Hours,3,15000,45000"


def read(tmp_path: Path, text: str | bytes) -> OrderFile:
    path = tmp_path / "orders.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_orders(path)


def only_reject(tmp_path: Path, *rows: str, header: str = HEADER) -> str:
    """Read rows after a good order, which must not be touched by what is wrong with them; return the reason."""
    file = read(tmp_path, "\n".join((header, *rows)))
    assert [reject.external_id for reject in file.rejects] == ["BAD"]
    return file.rejects[0].reason


def test_columns_are_the_fields_of_the_models() -> None:
    fields = {"memo" if name == "description" else name for name in InvoiceOrder.model_fields}
    corrections = {f"corrected_{name}" for name in LineCorrection.model_fields}
    assert set(COLUMNS) == (fields | set(OrderLine.model_fields) | corrections) - {
        "lines",
        "corrections",
        "corrected_line",
    }
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_every_column_reaches_its_field(tmp_path: Path) -> None:
    values = {
        "external_id": "ORD-1",
        "currency": "EUR",
        "customer_external_id": "C-1",
        "customer_email": "jenny@example.com",
        "customer_name": "Jenny Rosen",
        "memo": "Thank you",
        "total": "2000",
        "collection_method": "send_invoice",
        "due_date": "2031-01-31T12:00:00+01:00",
        "settlement": "wait",
        "on_decline": "void",
        "max_payment_attempts": "3",
        "max_reissues": "2",
        "description": "Hours",
        "quantity": "1",
        "unit_amount": "500",
        "corrected_description": "Hours, agreed",
        "corrected_quantity": "2",
        "corrected_unit_amount": "1000",
    }
    file = read(tmp_path, f"{','.join(values)}\n" + ",".join(f'"{value}"' for value in values.values()))
    assert file.rejects == []
    assert file.orders == [
        InvoiceOrder(
            external_id="ORD-1",
            currency="eur",
            customer_external_id="C-1",
            customer_email="jenny@example.com",
            customer_name="Jenny Rosen",
            description="Thank you",
            total=2000,
            collection_method="send_invoice",
            due_date=datetime(2031, 1, 31, 11, tzinfo=UTC),
            settlement="wait",
            on_decline="void",
            max_payment_attempts=3,
            max_reissues=2,
            lines=[OrderLine(description="Hours", quantity=1, unit_amount=500)],
            corrections=[LineCorrection(line=1, description="Hours, agreed", quantity=2, unit_amount=1000)],
        )
    ]
    rest = "external_id,currency,customer,price,days_until_due,collection_method,settlement,payment_method"
    # What cannot stand beside the above.
    file = read(tmp_path, f"{rest}\nORD-2,usd,cus_1,price_1,30,send_invoice,pay,pm_1")
    assert file.orders == [
        InvoiceOrder(
            external_id="ORD-2",
            currency="usd",
            customer="cus_1",
            lines=[OrderLine(price="price_1")],
            days_until_due=30,
            collection_method="send_invoice",
            settlement="pay",
            payment_method="pm_1",
        )
    ]
    assert {*values, *rest.split(",")} == set(COLUMNS)


def test_rows_of_one_order_are_its_lines_wherever_they_stand(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        f"{HEADER},corrected_quantity\n"
        "ORD-1,jenny@example.com,usd,First,1,100,,\n"
        "ORD-2,ann@example.com,usd,Other,1,700,,\n"
        "ORD-1,,,Second,2,200,,4\n"
        "ORD-1,jenny@example.com,usd,Third,1,300,,\n",
    )
    first, second = file.orders
    assert [line.description for line in first.lines] == ["First", "Second", "Third"]
    assert first.corrections == [LineCorrection(line=2, quantity=4)]
    assert second.known_total == 700
    assert file.rows == {"ORD-1": (2, 4, 5), "ORD-2": (3,)}


def test_spreadsheet_habits(tmp_path: Path) -> None:
    """A mark at the start, line ends of Windows, blank rows, spaces around values, a comma in quotes."""
    file = read(
        tmp_path,
        f'\ufeff {HEADER}\r\n\r\n,,,,,,\r\n ORD-1 ,jenny@example.com,usd,"Café, two nights", 2 ,15000,\r\n,,,,,,\r\n',
    )
    assert file.rejects == []
    assert file.rows == {"ORD-1": (4,)}
    assert file.orders[0].lines == [OrderLine(description="Café, two nights", quantity=2, unit_amount=15000)]


@pytest.mark.parametrize(
    ("amount", "currency", "advice"),
    [
        ("12.50", "usd", "1250 for 12.50 USD"),
        ("1.250", "kwd", "1250 for 1.250 KWD"),
        ("500.00", "jpy", "1,250 JPY is 1250"),
        ("1,250", "eur", "12.50 EUR is 1250"),
        ("12.5", "eur", "12.50 EUR is 1250"),
        ("1e3", "usd", "12.50 USD is 1250"),
        ("$5", "usd", "12.50 USD is 1250"),
        ("٣", "usd", "12.50 USD is 1250"),
        ("9" * 5000, "usd", "12.50 USD is 1250"),
    ],
)
def test_amount_that_is_not_in_minor_units_is_refused_and_taught(
    tmp_path: Path, amount: str, currency: str, advice: str
) -> None:
    reason = only_reject(tmp_path, f'BAD,a@example.com,{currency},Hours,1,"{amount}",')
    assert reason == (
        f"row 2: unit_amount is {amount!r}: write whole minor units, without a point or a comma: {advice}"
    )


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["BAD,a@example.com,usd,Hours,1.5,100,"], "row 2: quantity is '1.5': write a whole number"),
        (["BAD,a@example.com,usd,Hours,-1,100,"], "row 2: quantity is -1: input should be greater than or equal to 1"),
        (
            ["BAD,a@example.com,xyz,Hours,1,100,"],
            "currency is 'xyz': write the three-letter code of a currency that Stripe has, such as usd, eur or jpy",
        ),
        (["BAD,,usd,Hours,1,100,"], "the order needs a customer: customer (cus_…), customer_external_id or"),
        (["BAD,nobody,usd,Hours,1,100,"], "customer_email: it is not an e-mail address"),
        (["BAD,a@example.com,,Hours,1,100,"], "currency: it is not given"),
        (["BAD,a@example.com,usd,Hours,1,,"], "row 2: a line needs either unit_amount (with a description) or price"),
        (
            ["BAD,a@example.com,usd,One,1,100,", "BAD,a@example.com,usd,,1,100,"],
            "row 3: a line with unit_amount needs a description: it is what the customer reads",
        ),
        (
            ["BAD,a@example.com,usd,One,1,100,", "BAD,,eur,Two,1,100,"],
            "row 3 says currency 'eur', and row 2 says currency 'usd': an order has one currency",
        ),
        (
            ["BAD,a@example.com,usd,One,1,100,", "BAD,b@example.com,usd,Two,1,100,"],
            "row 3 says another customer_email, and row 2 says another customer_email: an order has one customer_email",
        ),
        (
            ["BAD,a@example.com,usd,One,1,100,", "BAD,,,Two,1,100,200"],
            "row 3 says total '200', and row 2 says nothing of it: an order has one total",
        ),
        (["BAD,a@example.com,usd,Hours, of work,1,100,"], "row 2: it has 8 values, and the header names 7 columns"),
        (["BAD,a@example.com,usd,Hours"], "row 2: it has 4 values, and the header names 7 columns"),
        (['BAD,a@example.com,usd,"Hours\nwork",1,100,'], "row 2: description is 'Hours\\nwork': write it on one line"),
    ],
)  # fmt: skip
def test_bad_order_gets_one_clear_message(tmp_path: Path, rows: list[str], reason: str) -> None:
    assert only_reject(tmp_path, *rows).startswith(reason)


def test_bad_rows_stop_no_other_order(tmp_path: Path) -> None:
    file = read(tmp_path, f"{HEADER}\n{GOOD}\nBAD,a@example.com,usd,Hours,1,1.00,\n{GOOD.replace('ORD-1', 'ORD-2')}\n")
    assert [order.external_id for order in file.orders] == ["ORD-1", "ORD-2"]


def test_one_bad_line_costs_its_whole_order(tmp_path: Path) -> None:
    """An order without one of its lines would be an invoice over too little."""
    file = read(tmp_path, f"{HEADER}\nBAD,a@example.com,usd,One,1,100,\n{GOOD}\nBAD,,,Two,x,100,\n")
    assert [order.external_id for order in file.orders] == ["ORD-1"]
    assert [reject.rows for reject in file.rejects] == [(2, 4)]


def test_line_without_a_number_costs_the_order_above(tmp_path: Path) -> None:
    file = read(tmp_path, f"{HEADER}\nBAD,a@example.com,usd,One,1,100,\n,,,Two,1,100,\n{GOOD}\n")
    assert [order.external_id for order in file.orders] == ["ORD-1"]
    assert file.rejects[0].rows == (2, 3)
    assert file.rejects[0].reason == "row 3 has no external_id: if it is a line of BAD, say so in it"


def test_order_without_a_number_costs_only_itself(tmp_path: Path) -> None:
    file = read(tmp_path, f"{HEADER}\n{GOOD}\n,a@example.com,usd,One,1,100,\n,,,Two,1,100,\n")
    assert [order.external_id for order in file.orders] == ["ORD-1"]
    assert file.rejects[0].rows == (3, 4)
    assert "no external_id" in file.rejects[0].reason


def test_what_is_not_utf_8_costs_only_its_order(tmp_path: Path) -> None:
    file = read(tmp_path, f"{HEADER}\nBAD,a@example.com,usd,Café,1,100,\n".encode("latin-1") + GOOD.encode())
    assert [order.external_id for order in file.orders] == ["ORD-1"]
    assert file.rejects[0].reason == "row 2: description is not UTF-8: save the file as 'CSV UTF-8'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks a column: external_id, currency, customer or customer_external_id or customer_email"),
        (HEADER.replace("currency,", ""), "lacks a column: currency"),
        (HEADER.replace("unit_amount", "unit_ammount"), "not known: 'unit_ammount' (is 'unit_amount' meant?)"),
        (HEADER.replace("quantity", "Quantity"), "not known: 'Quantity' (is 'quantity' meant?)"),
        (f"{HEADER},colour", "columns that are not known: 'colour'"),
        (f"{HEADER},", "columns that are not known: ''"),
        (f"{HEADER},quantity", "has a column twice: quantity"),
        (HEADER.replace(",", ";"), "separates its columns by ';': save it with commas"),
        (f"{HEADER}\n{GOOD}".encode("utf-16"), "is not UTF-8 text: save it as 'CSV UTF-8'"),
        (f"{HEADER}\n{GOOD}".encode("utf-16-le"), "is not UTF-8 text: save it as 'CSV UTF-8'"),
        (f'{HEADER}\n{GOOD}\nORD-2,a@example.com,usd,"Never closed,1,100,\n{GOOD}', "row 3 (line 4) cannot be told"),
        (f'{HEADER}\n{GOOD}\nORD-2,a@example.com,usd,"12" rack",1,100,\n', "row 3 (line 3) cannot be told"),
    ],
)
def test_file_that_cannot_be_told_apart_is_refused_as_a_whole(tmp_path: Path, text: str | bytes, message: str) -> None:
    """A row that swallowed others would leave their orders short of a line."""
    with pytest.raises(OrderFileError) as refusal:
        read(tmp_path, text)
    assert message in str(refusal.value)


def test_example_file_has_what_a_company_has() -> None:
    file = read_orders(Path(__file__).parents[2] / "examples" / "orders.csv")
    assert len(file.orders) >= 13
    assert [(reject.external_id, reject.rows) for reject in file.rejects] == [("ORD-1014", (19,))]
    assert {order.currency for order in file.orders} >= {"usd", "eur", "jpy", "kwd"}
    assert {order.settlement for order in file.orders} == {
        "pay",
        "paid_out_of_band",
        "wait",
        "mark_uncollectible",
        "void",
    }
    assert any(order.known_total == 0 for order in file.orders)
    assert any(order.corrections for order in file.orders)
    assert any(len(order.lines) > 2 for order in file.orders)
    assert [order.external_id for order in file.orders if order.total not in {None, order.known_total}] == ["ORD-1013"]
    numbers = [order.customer_external_id for order in file.orders]
    assert any(numbers.count(number) > 1 for number in numbers)


CELLS = {
    "external_id": st.sampled_from(["", "A", "B", "C ", "ü"]),
    "customer_email": st.sampled_from(["", "a@example.com", "b@example.com", "nobody"]),
    "currency": st.sampled_from(["", "usd", "usd", "jpy", "xyz"]),
    "description": st.sampled_from(["Hours", "", 'a "quoted", one', "two\nlines"]) | st.text(max_size=5),
    "quantity": st.sampled_from(["", "1", "2", "0", "-3", "1.5"]),
    "unit_amount": st.sampled_from(["", "0", "100", "-100", "12.50", "x"]),
}
ROWS = st.lists(st.tuples(*CELLS.values()) | st.lists(st.text(max_size=3), max_size=8).map(tuple), max_size=12)


@settings(deadline=None, max_examples=200)
@given(rows=ROWS)
def test_each_row_is_in_one_order_or_in_one_reject(
    tmp_path_factory: pytest.TempPathFactory, rows: Sequence[Sequence[str]]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CELLS)
    writer.writerows(rows)
    file = read(tmp_path_factory.mktemp("orders"), text.getvalue().encode(errors="surrogatepass"))
    found = [row for rows in file.rows.values() for row in rows] + [row for r in file.rejects for row in r.rows]
    given = [number for number, row in enumerate(rows, start=2) if any(cell.strip() for cell in row)]
    assert sorted(found) == given
    assert [order.external_id for order in file.orders] == list(file.rows)
    for order in file.orders:
        assert len(order.lines) == len(file.rows[order.external_id])
        assert {rows[number - 2][0].strip() for number in file.rows[order.external_id]} == {order.external_id}
    assert all(reject.reason for reject in file.rejects)
