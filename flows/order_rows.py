"""The rows of an order file, CSV or Parquet, told apart and numbered; what they say is judged elsewhere."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

REASON: Final = "reject_reason"
"""A column that a file of rejects has in addition; it is passed over where the file is fed back."""


class OrderFileError(ValueError):
    """A file of which not even the rows can be told apart with certainty. Nothing of it is used."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        number: As a spreadsheet shows it: of a CSV the header is row 1. A Parquet file's first row is row 1.
        cells: The cells that are not blank, by column.
        problem: Why it cannot be used, or None.
    """

    number: int
    cells: dict[str, str]
    problem: str | None = None


def rows_of(path: Path, name: str, columns: Sequence[str], needed: Sequence[Sequence[str]]) -> Iterator[Row]:
    """Tell the rows of a file apart, those that are wholly blank left out.

    Args:
        path: The file.
        name: What it is called in messages; where it ends in `.parquet` it is a Parquet file, else a CSV.
        columns: The columns that it may have.
        needed: The columns that it must have; of each group, one will do.

    Raises:
        OSError: It cannot be read.
        OrderFileError: It is no such file, or its header is not as it should be.
    """
    read = _parquet_rows if name.lower().endswith(".parquet") else _csv_rows
    return read(path, name, columns, needed)


def _csv_rows(path: Path, name: str, columns: Sequence[str], needed: Sequence[Sequence[str]]) -> Iterator[Row]:
    with path.open("rb") as file:
        start = file.readline(10_000)
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in start:
        raise OrderFileError(f"{name} is not UTF-8 text: save it as 'CSV UTF-8'")
    # What is not UTF-8 is carried along as it is, so that it costs only the row that it stands in.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        number, nothing = 1, list[str]()
        try:
            header = [value.strip() for value in next(reader, nothing)]
            if len(header) == 1 and (other := re.search(r"[;\t|]", header[0])):
                raise OrderFileError(f"{name} separates its columns by {other[0]!r}: save it with commas")
            check_header(name, header, columns, needed)
            for number, values in enumerate(reader, start=2):
                if any(value.strip() for value in values):
                    yield _row(number, header, values)
        except csv.Error as error:
            raise OrderFileError(
                f"{name}: row {number + 1} (line {reader.line_num}) cannot be told from what follows it "
                f"({error}): see that each quote is closed, and doubled inside a quoted value"
            ) from error


def _parquet_rows(path: Path, name: str, columns: Sequence[str], needed: Sequence[Sequence[str]]) -> Iterator[Row]:
    from prefect_stripe.flows.arrow import pa, pq  # loaded where it is wanted: most runs read no Parquet

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            # What pandas keeps of a frame's own index says nothing of an order.
            header: list[str] = [
                column for column in file.schema_arrow.names if not re.fullmatch(r"__index_level_\d+__", column)
            ]
            check_header(name, header, columns, needed)
            for batch in file.iter_batches(batch_size=1000, columns=header):
                for cells in batch.to_pylist():
                    number += 1
                    values = [_as_text(cells[column]) for column in header]
                    if any(value.strip() for value in values):
                        yield _row(number, header, values)
    except pa.ArrowInvalid as error:
        raise OrderFileError(f"{name} is no Parquet file: {error}") from error


def _as_text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def check_header(name: str, header: list[str], columns: Sequence[str], needed: Sequence[Sequence[str]]) -> None:
    """Refuse a header that has columns not known, or twice, or lacks some.

    Raises:
        OrderFileError: With what is wrong.
    """
    if unknown := [column for column in header if column not in (*columns, REASON)]:
        told = ", ".join(_with_advice(column, columns) for column in unknown)
        raise OrderFileError(f"{name} has columns that are not known: {told}")
    if twice := sorted({column for column in header if header.count(column) > 1}):
        raise OrderFileError(f"{name} has a column twice: {', '.join(twice)}")
    if missing := [" or ".join(group) for group in needed if not set(group) & set(header)]:
        raise OrderFileError(f"{name} lacks a column: {', '.join(missing)}")


def _with_advice(column: str, columns: Sequence[str]) -> str:
    close = difflib.get_close_matches(column.lower().replace(" ", "_"), columns, n=1)
    return f"{_printable(column)!r}" + (f" (is {close[0]!r} meant?)" if close else "")


def _row(number: int, header: list[str], values: list[str]) -> Row:
    cells = {column: value.strip() for column, value in zip(header, values, strict=False) if value.strip()}
    cells.pop(REASON, None)
    problem = None
    if len(values) != len(header):
        problem = f"it has {len(values)} values, and the header names {len(header)} columns"
    elif foreign := [column for column, value in cells.items() if _printable(value) != value]:
        problem = f"{', '.join(foreign)} is not UTF-8: save the file as 'CSV UTF-8'"
    return Row(number, {column: _printable(value) for column, value in cells.items()}, problem)


def _printable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")
