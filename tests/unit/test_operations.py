"""The one table of operations: complete, and consistent with its own names and the parameters."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from prefect_stripe import schema
from prefect_stripe.client import OPERATIONS, Operation

ROWS = OPERATIONS.values()

# What is done once and cannot be taken back, so that whoever changes how it is found again must have meant to.
FOUND = {
    "none": {"fund_customer_cash_balance", "attach_payment_method"},
    "natural": {"create_price", "create_product"},
    "metadata": {
        "create_customer", "create_payment_link", "create_invoice", "create_invoice_item", "create_payment_intent",
        "create_refund", "add_invoice_lines", "send_invoice",
    },
}  # fmt: skip


def test_it_has_the_operations_that_have_parameters() -> None:
    assert OPERATIONS.keys() == schema.operations()
    assert all(name == row.name for name, row in OPERATIONS.items())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_what_its_name_says(row: Operation) -> None:
    verb = row.name.split("_")[0]
    assert row.method == {"retrieve": "GET", "list": "GET", "search": "GET", "delete": "DELETE"}.get(verb, "POST")
    assert row.paging == {"list": "list", "search": "search"}.get(verb)
    assert re.fullmatch(r"/v1(/[a-z_]+|/\{[a-z_]+\})+", row.path)
    assert row.ids == tuple(re.findall(r"{(.+?)}", row.path))
    assert row.writes == (row.method != "GET" and row.name != "preview_invoice")


@pytest.mark.parametrize("found", FOUND)
def test_how_a_write_is_found_again(found: str) -> None:
    assert {row.name for row in ROWS if row.found == found} == FOUND[found]


def test_no_two_operations_are_one_but_for_the_lines_of_a_preview() -> None:
    same = [place for place, number in Counter((row.method, row.path) for row in ROWS).items() if number > 1]
    assert same == [("GET", "/v1/invoices/{invoice}/lines")]
