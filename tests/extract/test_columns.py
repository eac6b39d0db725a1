"""Rows to columns: exact, of one schema whichever rows come first, and nothing lost on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_stripe.client import OPERATIONS
from prefect_stripe.fields import FIELDS, Kind
from prefect_stripe.flows.arrow import pa
from prefect_stripe.flows.extract_amounts import AMOUNTS, in_major_units
from prefect_stripe.flows.extract_columns import OTHER, ColumnError, Columns
from prefect_stripe.flows.extract_decoder import PageDecoder
from prefect_stripe.flows.extract_tables import TABLES
from prefect_stripe.schema import parameters

ROOT = Path(__file__).parents[2]

VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=8),
    "enum": st.text(max_size=3),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**12), 10**12, places=12).map(str),
    "boolean": st.booleans(),
    "time": st.integers(0, 2**33),
    "json": st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=4)
    | st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
}


@st.composite
def objects(draw: st.DrawFn, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"id": draw(st.text(max_size=5)), "object": name}
    for field in draw(st.sets(st.sampled_from(sorted(FIELDS[name])), max_size=12)) - row.keys():
        row[field] = draw(st.none() | VALUES[FIELDS[name][field]])
    for number in draw(st.sets(st.integers(0, 3))):
        row[f"new_{number}"] = draw(VALUES["json"] | st.floats(allow_nan=False, allow_infinity=False))
    return row


def as_sent(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """What Stripe sent, of what a row of a table says; a field that is null may have been absent."""
    found: dict[str, Any] = {}
    for field, value in row.items():
        kind = FIELDS[name].get(field)
        if value is None or field == OTHER:
            continue
        found[field] = json.loads(value) if kind == "json" else int(value.timestamp()) if kind == "time" else value
    return {**found, **json.loads(row[OTHER] or "{}")}


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(FIELDS)))
def test_what_stripe_sent_is_in_the_row_and_the_schema_never_changes(data: st.DataObject, name: str) -> None:
    rows = data.draw(st.lists(objects(name), max_size=4))
    columns = Columns(name)
    decoder = PageDecoder(columns)
    # By themselves; of a page with fields that are new to its decoder; of the next one; and of several in one batch.
    first, second = decoded(decoder, rows), decoded(decoder, rows)
    for some in (rows, first, second, [*second, *decoded(PageDecoder(columns), rows), *rows]):
        batch = columns.of(some)
        assert batch.schema.equals(columns.schema)
        got = [as_sent(name, row) for row in batch.to_pylist()]
        for one, row in zip(got, rows * (len(some) // len(rows)) if rows else [], strict=True):
            for field in [field for field, kind in FIELDS[name].items() if kind == "decimal" and field in one]:
                assert one.pop(field) == Decimal(str(row[field]))
                row = {**row, field: None}
            assert one == {
                field: value for field, value in row.items() if value is not None or field not in FIELDS[name]
            }


def test_a_field_that_is_new_is_learnt_and_what_is_nested_stays_json_without_its_line_breaks() -> None:
    columns = Columns("charge")
    decoder = PageDecoder(columns)
    sent: list[dict[str, Any]] = [
        {"id": "ch_1", "metadata": {"a": "1\n2"}, "new": [1, {"b": None}]},
        {"id": "ch_2", "metadata": {}},
    ]
    assert decoded(decoder, sent)[0] == sent[0]
    assert bytes(decoded(decoder, sent)[0]["new"]).startswith(b"[\n")
    first, second = columns.of(decoded(decoder, sent)).to_pylist()
    assert (first["metadata"], first[OTHER]) == ('{"a":"1\\n2"}', '{"new":[1,{"b":null}]}')
    assert (second["metadata"], second[OTHER]) == ("{}", None)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"[]", None),
        (b"{", None),
        (b'{"data": 1, "has_more": false}', {"data": 1, "has_more": False}),
        (b'{"data": [1], "has_more": false}', {"data": [1], "has_more": False}),
        (b'{"data": [{"amount": 1.0}]}', {"data": [{"amount": 1.0}]}),
        (b'{"data": [{"id": "ch_1", "if": 1, "a-b": 2}]}', {"data": [{"id": "ch_1", "if": 1, "a-b": 2}]}),
    ],
)
def test_what_is_no_page_of_such_rows_is_decoded_as_any_answer_is(body: bytes, found: object) -> None:
    decoder = PageDecoder(Columns("charge"))
    assert decoder.page(body) == decoder.page(body) == found


@pytest.mark.parametrize(
    "sent",
    [
        [[], [], []],
        [{}, {}, {}],
        [[], {}, []],
        [[], [0], []],
        [{}, None, {}],
        [{"a": 1}, {"a": True}, {"a": 1.0}],
        [0, False, 0],
    ],
)
def test_what_is_alike_in_all_rows_is_the_same_as_row_by_row(sent: list[Any]) -> None:
    rows = [
        {"id": f"ch_{number}", "object": "charge", "currency": "usd", "status": status, "metadata": value}
        for number, (value, status) in enumerate(zip(sent, ("failed", "paid", "failed"), strict=True))
    ]
    columns = Columns("charge")
    singly = pa.Table.from_batches([columns.of([row]) for row in rows]).to_pylist()
    assert columns.of(rows).to_pylist() == singly
    assert [row["metadata"] for row in singly] == [
        None if value is None else json.dumps(value, separators=(",", ":")) for value in sent
    ]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("amount", 12.5, "an integer"),
        ("amount", 12.0, "an integer"),
        ("amount", "1250", "an integer"),
        ("amount", True, "an integer"),
        ("amount", 2**63, "an integer"),
        ("amount", [1], "an integer"),
        ("created", "2026-10-01", "Unix seconds"),
        ("livemode", 1, "true or false"),
        ("description", 7, "a string"),
        ("currency", {"code": "usd"}, "a string"),
    ],
)
@pytest.mark.parametrize("others", [0, 3])
def test_a_value_of_another_type_is_an_error_that_names_the_place_and_not_the_value(
    field: str, value: Any, expected: str, others: int
) -> None:
    row = {"id": "ch_1", "object": "charge", "amount": 1, "created": 1, "livemode": True, "currency": "usd"}
    rows = [*([row] * others), row | {"id": "ch_bad"} | {field: value}]
    with pytest.raises(ColumnError) as caught:
        Columns("charge").of(rows)
    assert str(caught.value).startswith(f"{field} of charge ch_bad is not {expected} but {type(value).__name__}")
    assert repr(value) not in str(caught.value)


def test_a_decimal_is_exact_or_an_error() -> None:
    price = {"id": "price_1", "object": "price", "unit_amount_decimal": "0.000000000001"}
    assert Columns("price").of([price])["unit_amount_decimal"].to_pylist() == [Decimal("0.000000000001")]
    for wrong in ("0.0000000000001", "much", 1.5):
        with pytest.raises(ColumnError, match="unit_amount_decimal of price price_1"):
            Columns("price").of([price | {"unit_amount_decimal": wrong}])


def decoded(decoder: PageDecoder, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    page = decoder.page(json.dumps({"object": "list", "data": rows, "has_more": False}, indent=2).encode())
    assert page is not None
    assert page["has_more"] is False
    return page["data"]


@pytest.mark.parametrize("by_pages", [False, True])
def test_no_secret_is_kept_wherever_it_is(*, by_pages: bool) -> None:
    secret = "pi_1_secret_hush"
    row = {
        "id": "pi_1",
        "object": "payment_intent",
        "client_secret": secret,
        "last_payment_error": {"payment_intent": {"client_secret": secret, "id": "pi_0"}},
        "new": {"confirmation_secret": {"client_secret": secret}},
    }
    columns = Columns("payment_intent")
    decoder = PageDecoder(columns)
    pages = [decoded(decoder, [row]), decoded(decoder, [row])]
    kept = columns.of(pages[1] if by_pages else [row]).to_pylist()[0]
    assert "hush" not in str(kept)
    assert json.loads(kept["last_payment_error"]) == {"payment_intent": {"client_secret": None, "id": "pi_0"}}


def test_major_units_are_exact_and_only_amounts_are_converted() -> None:
    table = pa.table(
        {
            "total": [9007199254740993, 1250, 1250, None],
            "attempt_count": [1, 2, 3, 4],
            "currency": pa.array(["usd", "jpy", "kwd", "usd"]).dictionary_encode(),
        }
    )
    major = in_major_units(table)
    assert major["total"].to_pylist() == [Decimal("90071992547409.93"), Decimal(1250), Decimal("1.250"), None]
    assert major["attempt_count"].to_pylist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="xxx"):
        in_major_units(pa.table({"amount": [1], "currency": ["xxx"]}))


def test_every_integer_is_an_amount_or_known_to_be_none() -> None:
    assert {name for name in AMOUNTS if not any(word in name for word in ("amount", "total"))} == {
        *("balance", "ending_balance", "fee", "net", "starting_balance")
    }


def test_each_list_by_creation_is_a_table() -> None:
    by_creation = {
        name
        for name, operation in OPERATIONS.items()
        if operation.paging == "list" and not operation.ids and "created" in parameters(name)
    }
    assert by_creation == {table.operation for table in TABLES.values()}
    for table in TABLES.values():
        assert FIELDS[table.object][table.at] == "time"
        assert table.retrieve is None or OPERATIONS[table.retrieve].object == table.object


def test_the_fields_are_those_of_the_official_sdk() -> None:
    code = "import runpy; print(runpy.run_path('scripts/generate_fields.py')['generate'](), end='')"
    generated = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert generated.stdout == (ROOT / "prefect_stripe" / "fields.py").read_text()
