"""An extracted table as one CSV file, for whoever has nothing that reads Parquet."""

from __future__ import annotations

from pathlib import Path

from prefect_stripe.flows.arrow import Schema, csv, pa
from prefect_stripe.flows.extract_changes import TOMBSTONES, columns_of
from prefect_stripe.flows.extract_store import RUN, Manifest, TableFolder
from prefect_stripe.flows.extract_tables import Table
from prefect_stripe.flows.extract_windows import Window


def write_csv(table: Table, folder: TableFolder, manifest: Manifest) -> list[str]:
    """Write a table, its child and its tombstones as CSV files, each whole or not at all; the newest rows first.

    Amounts are whole minor units, times are UTC; nothing is an empty field, and an empty text is "".

    Returns:
        Their names in the folder.

    Raises:
        OSError: They cannot be written.
    """
    written: list[str] = []
    with folder.folder.scratch(f"{table.name}/{RUN}") as scratch:
        for name, columns in columns_of(table).items():
            part = Path(scratch, f"{name}.csv")
            windows = sorted({file.window for file in manifest.files if file.table == name}, key=_newest_first)
            with csv.CSVWriter(str(part), _plain(columns.schema)) as file:
                for window in windows:
                    rows = folder.rows(name, window, staged=False)
                    file.write_table(rows.cast(_plain(columns.schema)))
            folder.folder.adopt(part, f"{name}.csv")
            written.append(f"{name}.csv")
        if (tombstones := folder.tombstones()) is not None:
            part = Path(scratch, "deleted.csv")
            csv.write_csv(tombstones.cast(_plain(TOMBSTONES)), str(part))
            folder.folder.adopt(part, f"{table.name}_deleted.csv")
            written.append(f"{table.name}_deleted.csv")
    folder.forget()
    return written


def _newest_first(window: Window) -> tuple[int, str]:
    return -window.gte, window.part


def _plain(schema: Schema) -> Schema:
    # Arrow's writer knows no dictionaries.
    return pa.schema(
        [pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in schema]
    )
