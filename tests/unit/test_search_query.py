"""The builder of search queries: quoting, fields, operators."""

from __future__ import annotations

from enum import Enum, IntEnum

import pytest

from prefect_stripe.client import ParameterError
from prefect_stripe.client.search import FIELDS, search_query


@pytest.mark.parametrize(
    ("clauses", "match", "query"),
    [
        ([("status", ":", "open")], "all", 'status:"open"'),
        ([("status", ":", "open"), ("total", ">", 1000)], "all", 'status:"open" AND total>1000'),
        ([("status", ":", "open"), ("status", ":", "paid")], "any", 'status:"open" OR status:"paid"'),
        ([("-status", ":", "void")], "all", '-status:"void"'),
        ([("metadata[a b]", ":", "x")], "all", 'metadata["a b"]:"x"'),
        ([("number", "~", 'A"\\')], "all", 'number~"A\\"\\\\"'),
        ([("number", ":", None)], "all", "number:null"),
    ],
)
def test_written(clauses: list[tuple[str, str, object]], match: str, query: str) -> None:
    assert search_query("invoices", *clauses, match=match) == query  # type: ignore[arg-type]


def test_a_value_cannot_end_its_quotes_and_add_a_clause() -> None:
    query = search_query("customers", ("email", ":", 'x" OR name:"y'))
    assert query == 'email:"x\\" OR name:\\"y"'


def test_an_enumeration_is_what_it_is_sent_as() -> None:
    class Currency(str, Enum):  # noqa: UP042 - whose str() is its own name
        EUR = "eur"

    class Amount(IntEnum):
        MOST = 100

    query = search_query("payment_intents", ("currency", ":", Currency.EUR), ("amount", "<", Amount.MOST))
    assert query == 'currency:"eur" AND amount<100'


@pytest.mark.parametrize(
    ("searched", "clauses", "says"),
    [
        ("invoice_items", [("status", ":", "open")], "cannot be searched"),
        ("invoices", [], "1 to 10 clauses"),
        ("invoices", [("status", ":", "open")] * 11, "1 to 10 clauses"),
        ("invoices", [("amount", ">", 1)], "cannot be searched by 'amount'"),
        ("invoices", [("metadata", ":", "x")], "cannot be searched by 'metadata'"),
        ("invoices", [("metadata['order']", ":", "x")], r"write metadata\[order\]"),
        ("invoices", [('metadata["order"]', ":", "x")], r"write metadata\[order\]"),
        ("invoices", ["total", ">", 1000], "a clause is a field, an operator and a value"),
        ("invoices", [("total", 1000)], "a clause is a field, an operator and a value"),
        ("invoices", [{"total": 1000}], "a clause is a field, an operator and a value"),
        ("invoices", [("total", "~", "100")], "numeric field"),
        ("invoices", [("currency", ">", 5)], "token field"),
        ("invoices", [("total", ">", "1000")], "whole numbers"),
        ("invoices", [("total", ">", None)], "absence"),
        ("invoices", [("number", "~", "ab")], "at least three"),
    ],
)
def test_refused(searched: str, clauses: list[tuple[str, str, object]], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        search_query(searched, *clauses)  # type: ignore[arg-type]


def test_every_search_task_has_its_fields() -> None:
    from prefect_stripe.client import OPERATIONS

    searched = {name.removeprefix("search_") for name, row in OPERATIONS.items() if row.paging == "search"}
    assert searched == set(FIELDS)
