"""Orders from a CSV or Parquet file, one row a line of an order; what is not sound is a reject.

The columns are the fields of `InvoiceOrder` and of `OrderLine` by their own names, except that the order's own
description is called `memo`, and that a correction of a line stands in its row as `corrected_description`,
`corrected_quantity` and `corrected_unit_amount`. Rows with the same `external_id` are the lines of one order; what is
said of the whole order stands in the first of them, and may be repeated in the others.

A CSV is UTF-8 with commas, as spreadsheets save it. A cell that is blank is not given, and spaces around a value do
not count. Amounts are whole minor units. From a DataFrame such a file is made by `write_orders`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from prefect_stripe.flows.order_rows import OrderFileError, Row, check_header, rows_of
from prefect_stripe.flows.orders import InvoiceOrder, LineCorrection, OrderLine
from prefect_stripe.flows.places import local_copy, name_of
from prefect_stripe.money import CURRENCIES, exponent, format_amount

if TYPE_CHECKING:
    import pandas as pd

ORDER_COLUMNS: Final[Mapping[str, str]] = {
    "memo" if name == "description" else name: name
    for name in InvoiceOrder.model_fields
    if name not in {"lines", "corrections"}
}
"""The columns that speak of a whole order, and the fields that they fill."""

LINE_COLUMNS: Final[Mapping[str, str]] = {name: name for name in OrderLine.model_fields}
"""The columns that speak of one line."""

CORRECTION_COLUMNS: Final[Mapping[str, str]] = {
    f"corrected_{name}": name for name in LineCorrection.model_fields if name != "line"
}
"""The columns that correct one line before the invoice is finalized."""

COLUMNS: Final = (*ORDER_COLUMNS, *LINE_COLUMNS, *CORRECTION_COLUMNS)

NEEDED: Final = (
    ("external_id",),
    ("currency",),
    ("customer", "customer_external_id", "customer_email"),
    ("unit_amount", "price"),
)
"""The columns without which no order can be read; of each group, one will do."""


def _whole_numbers(model: type[BaseModel]) -> set[str]:
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    return {name for name, schema in properties.items() if "'integer'" in str(schema)}


_NUMBERS: Final = {
    "": _whole_numbers(InvoiceOrder) | _whole_numbers(OrderLine),
    "corrected_": _whole_numbers(LineCorrection),
}
_AMOUNTS: Final = {"unit_amount", "total"}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, or the rows of an order, that cannot be used.

    Attributes:
        rows: Their numbers as a spreadsheet shows them: the header is row 1.
        external_id: The order that they name; empty if they name none.
        reason: What is wrong, for whoever made the file.
    """

    rows: tuple[int, ...]
    external_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderFile:
    """What was read of a file: each of its rows is in an order or in a reject, and none is in both.

    Attributes:
        orders: The sound orders, as the file has them.
        rows: The numbers of the rows that each of them is made of, by `external_id`.
        rejects: What cannot be used, as the file has it.
    """

    orders: list[InvoiceOrder] = field(default_factory=list[InvoiceOrder])
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    rejects: list[Reject] = field(default_factory=list[Reject])


class _Unsound(Exception):
    """What is wrong with an order."""


def read_orders(path: str | Path) -> OrderFile:
    """Read the orders of a file. A bad row costs the order that it belongs to, and no other.

    Args:
        path: The path or URL of a CSV or Parquet file (`….parquet`).

    Returns:
        The orders and the rejects. Rows that are wholly blank are neither.

    Raises:
        OSError: The file cannot be read.
        OrderFileError: It is no such file, or its header is not as it should be.

    Example:
        ```python
        from prefect_stripe.flows.order_files import read_orders

        file = read_orders("examples/orders.csv")
        for reject in file.rejects:
            print(reject.rows, reject.external_id, reject.reason)
        ```
    """
    with local_copy(path) as copy:
        return orders_in(copy, name_of(path))


def orders_in(copy: Path, name: str) -> OrderFile:
    """Read the orders of a local file, of which messages speak by the name it has elsewhere."""
    read = OrderFile()
    for external_id, rows in _by_order(rows_of(copy, name, COLUMNS, NEEDED)):
        numbers = tuple(row.number for row in rows)
        try:
            order = _order(external_id, rows)
        except _Unsound as unsound:
            read.rejects.append(Reject(numbers, external_id, str(unsound)))
        else:
            read.orders.append(order)
            read.rows[external_id] = numbers
    return read


def write_orders(orders: pd.DataFrame, path: str | Path) -> str:
    """Write a frame of orders to a file for `invoice_batch`, which takes a place and not a frame: parameters are small.

    Args:
        orders: One row a line of an order, with the columns of an order file. Its index is left out. Numbers that
            pandas made floats, as it does where some are missing, become whole again.
        path: Where to: `….parquet`, or else a CSV.

    Returns:
        The path.

    Raises:
        OrderFileError: A column is not known or missing, or an amount is no whole number of minor units.

    Example:
        ```python
        import pandas as pd

        from prefect_stripe.flows.order_files import read_orders, write_orders

        frame = pd.DataFrame(
            {
                "external_id": ["ORD-1", "ORD-2"],
                "customer_email": ["jenny@example.com", "ann@example.com"],
                "currency": "usd",
                "description": "Consulting, hours",
                "quantity": [3, None],
                "unit_amount": [15000, 12000],
            }
        )
        assert len(read_orders(write_orders(frame, "orders.parquet")).orders) == 2
        ```
    """
    check_header("the frame", [str(column) for column in orders.columns], COLUMNS, NEEDED)
    whole = {
        column: _whole(orders[column])
        for column in orders.columns
        if _is_number(column) and orders[column].dtype == float
    }
    table = orders.assign(**whole)
    if str(path).endswith(".parquet"):
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return str(path)


def _whole(column: pd.Series[float]) -> pd.Series[int]:
    broken = column[(column % 1 != 0) & column.notna()]
    if len(broken):
        raise OrderFileError(
            f"{column.name} is {broken.iloc[0]} in {len(broken)} row(s), first at index {broken.index[0]}: amounts are "
            "whole minor units (1250 for 12.50 USD), quantities whole pieces"
        )
    return column.astype("Int64")


def _by_order(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Put the rows of each order together, in the order in which the file begins them."""
    orders: list[tuple[str, list[Row]]] = []
    known: dict[str, list[Row]] = {}
    above: list[Row] = []
    for row in rows:
        external_id = row.cells.get("external_id", "")
        is_nothing_but_a_line = not any(name in row.cells for name in ORDER_COLUMNS)
        if external_id in known:
            above = known[external_id]
        elif not (above and is_nothing_but_a_line):
            above = []
            orders.append((external_id, above))
            if external_id:
                known[external_id] = above
        # Nothing but a line can only be meant for the order above, which would be billed without it.
        above.append(row)
    return orders


# The orders


def _order(external_id: str, rows: list[Row]) -> InvoiceOrder:
    """Make an order of its rows.

    Raises:
        _Unsound: With all that is wrong with it.
    """
    problems = [f"row {row.number}: {row.problem}" for row in rows if row.problem]
    if not external_id:
        problems.append("it has no external_id, by which an order is known and never invoiced twice")
    for row in rows[1:]:
        if external_id and "external_id" not in row.cells:
            problems.append(f"row {row.number} has no external_id: if it is a line of {external_id}, say so in it")
        elif contradiction := _contradiction(rows[0], row):
            problems.append(contradiction)
    currency = rows[0].cells.get("currency", "")
    if not problems:
        problems = [problem for row in rows for problem in _badly_written(row, currency)]
    if problems:
        raise _Unsound("; ".join(problems))
    try:
        return InvoiceOrder.model_validate(_given(rows))
    except ValidationError as error:
        raise _Unsound("; ".join(dict.fromkeys(_in_words(detail, rows) for detail in error.errors()))) from error


def _contradiction(first: Row, row: Row) -> str | None:
    for column in ORDER_COLUMNS:
        here, there = row.cells.get(column), first.cells.get(column)
        if here is not None and here != there:
            said = f"row {first.number} {_shown(column, there)}" if there else f"row {first.number} says nothing of it"
            return f"row {row.number} {_shown(column, here)}, and {said}: an order has one {column}"
    return None


def _shown(column: str, value: str) -> str:
    return f"says another {column}" if _is_personal(column) else f"says {column} {value!r}"


def _is_personal(column: str) -> bool:
    return column in {"customer_email", "customer_name"}


def _badly_written(row: Row, currency: str) -> Iterator[str]:
    """Say which cells are not written as numbers and times are."""
    for column, value in row.cells.items():
        name = _field(column)
        if _is_number(column) and not re.fullmatch(r"-?[0-9]{1,15}", value):
            wanted = _minor_units(value, currency) if name in _AMOUNTS else "a whole number"
            yield f"row {row.number}: {column} is {value!r}: write {wanted}"
        elif name == "due_date" and not re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)", value):
            yield f"row {row.number}: {column} is {value!r}: write a time with its zone, such as 2026-12-31T23:59:00Z"


def _minor_units(value: str, currency: str) -> str:
    """Say how an amount is written; where the value can be read in one way only, by its own example."""
    wanted = "whole minor units, without a point or a comma"
    if currency.lower() not in CURRENCIES:
        return f"{wanted}: 1250 for 12.50 USD"
    digits = exponent(currency.lower())
    if re.fullmatch(rf"-?[0-9]{{1,9}}\.[0-9]{{{digits}}}", value):
        return f"{wanted}: {int(value.replace('.', ''))} for {value} {currency.upper()}"
    return f"{wanted}: {format_amount(1250, currency.lower())} is 1250"


def _field(column: str) -> str:
    return CORRECTION_COLUMNS.get(column) or LINE_COLUMNS.get(column) or ORDER_COLUMNS[column]


def _is_number(column: str) -> bool:
    kind = "corrected_" if column in CORRECTION_COLUMNS else ""
    return _field(column) in _NUMBERS[kind]


def _given(rows: list[Row]) -> dict[str, Any]:
    corrections = [
        {"line": number, **correction}
        for number, row in enumerate(rows, start=1)
        if (correction := _values(row, CORRECTION_COLUMNS))
    ]
    lines = [_values(row, LINE_COLUMNS) for row in rows]
    return {**_values(rows[0], ORDER_COLUMNS), "lines": lines, "corrections": corrections}


def _values(row: Row, columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: int(value) if _is_number(column) else value
        for column, name in columns.items()
        if (value := row.cells.get(column)) is not None
    }


# What is wrong with them


def _in_words(detail: Any, rows: list[Row]) -> str:
    """Say what pydantic found, by the row and the column that it is about."""
    where, column = _place(detail["loc"], rows)
    wrong = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "missing":
        wrong = "it is not given"
    elif column == "currency":
        wrong = "write the three-letter code of a currency that Stripe has, such as usd, eur or jpy"
    elif detail["type"] == "string_pattern_mismatch":
        wrong = "it is not an e-mail address" if column == "customer_email" else "it is not an id of Stripe's"
    if column is None:
        return where + wrong
    value = detail["input"]
    shown = "" if _is_personal(column) or isinstance(value, dict) else f" is {value!r}"
    return f"{where}{column}{shown}: {wrong[:1].lower()}{wrong[1:]}"


def _place(loc: tuple[int | str, ...], rows: list[Row]) -> tuple[str, str | None]:
    """Find the row and the column of a place in the order."""
    match loc:
        case ("lines", int(index), *rest):
            return f"row {rows[index].number}: ", str(rest[0]) if rest else None
        case ("corrections", int(index), *rest):
            corrected = [row for row in rows if _values(row, CORRECTION_COLUMNS)]
            return f"row {corrected[index].number}: ", f"corrected_{rest[0]}" if rest else None
        case (str(name), *_):
            return "", "memo" if name == "description" else name
        case _:
            return "", None
