"""Extracted tables in a database: each as its files are, or as it was before.

The files and their manifest stay the truth. Every row says of which file it is, so that only files that are new, or
other than before, are loaded; all of a table, with its child and its tombstones, is changed in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import duckdb
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnClause,
    Connection,
    DateTime,
    Float,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    Text,
    column,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.sql import quoted_name

from prefect_stripe.flows.arrow import Schema, pa, pc
from prefect_stripe.flows.arrow import Table as Rows
from prefect_stripe.flows.databases import engine_at, reason_of, shown, url_at
from prefect_stripe.flows.extract_changes import TOMBSTONES, columns_of
from prefect_stripe.flows.extract_store import Manifest, TableFolder
from prefect_stripe.flows.extract_tables import Table as Extracted

VARIABLE: Final = "STRIPE_DATABASE"
FILE: Final = "_file"
"""The column that says of which file a row is."""
AT_ONCE: Final = 5_000
"""Rows that are written in one statement, where the database does not take them from Arrow."""

FILES_AT_ONCE: Final = 500

_METADATA: Final = MetaData()
LOADED: Final = Table(
    "stripe_extracts",
    _METADATA,
    Column("table_name", String(64), primary_key=True),
    Column(quoted_name("file", quote=True), String(255), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column(quoted_name("rows", quote=True), BigInteger, nullable=False),
    Column("stripe_account", String(64), nullable=False),
    Column("columns_sha256", String(64), nullable=False),
)
"""What is in the database: of each file of each table its hash, its rows, and the columns that it has."""


class DatabaseError(Exception):
    """The database cannot be used as it is asked for; it holds what it held."""


def database_at(place: str) -> Database | None:
    """Open a database, or the one that the environment names; None where there is neither.

    Args:
        place: The path of a DuckDB file, or a SQLAlchemy URL without a password.

    Raises:
        DatabaseError: It cannot be opened; or a password stands where everybody reads it.
    """
    try:
        url = url_at(place, VARIABLE, "duckdb")
    except ValueError as error:
        raise DatabaseError(f"the database cannot be used: {error}") from error
    return Database(url) if url else None


class Database:
    """A database that extracted tables are loaded into."""

    def __init__(self, url: URL) -> None:
        """Open it.

        Raises:
            DatabaseError: It cannot be opened.
        """
        self._shown = shown(url)
        with self._told():
            self._engine = engine_at(url)
            with self._engine.begin() as connection:
                connection.execute(CreateTable(LOADED, if_not_exists=True))

    def __repr__(self) -> str:
        return f"Database({self._shown!r})"

    def load(self, table: Extracted, folder: TableFolder, manifest: Manifest) -> dict[str, int]:
        """Bring a table, its child and its tombstones to what the folder holds.

        Returns:
            How many rows were written into each; 0 where all was there.

        Raises:
            DatabaseError: It is of another account, or cannot be written to. Nothing was changed.
            ManifestError: A file is not there.
        """
        written = dict[str, int]()
        with self._told(), self._engine.begin() as connection:
            self._check_account(connection, table, manifest.account)
            self._check_rows(connection, table, folder, manifest)
            schemas = {name: columns.schema for name, columns in columns_of(table).items()}
            for name, schema in schemas.items():
                written[name] = _Load(connection, name, schema, manifest).bring(
                    {file.window.name: (file.sha256, file.rows) for file in manifest.files if file.table == name},
                    partial(folder.named, name),
                )
            tombstones = folder.tombstones()
            if tombstones is not None and (sha256 := manifest.deleted_sha256) is not None:
                deleted = f"{table.name}_deleted"
                written[deleted] = _Load(connection, deleted, TOMBSTONES, manifest).bring(
                    {"deleted": (sha256, manifest.deleted)}, lambda _: tombstones
                )
        return written

    def _check_account(self, connection: Connection, table: Extracted, account: str) -> None:
        query = select(LOADED.c.stripe_account).where(LOADED.c.table_name == table.name).distinct()
        others = [other for other in connection.execute(query).scalars() if other != account]
        if others:
            raise DatabaseError(
                f"{self._shown} holds {table.name} of the account {others[0]!r}, not of {account!r}: name another"
            )

    def _check_rows(self, connection: Connection, table: Extracted, folder: TableFolder, manifest: Manifest) -> None:
        """See that some of what is there is in the folder, too: the keys of two accounts look alike."""
        loaded = select(LOADED.c.sha256, LOADED.c.rows).where(LOADED.c.table_name == table.name)
        there = {sha256 for sha256, rows in connection.execute(loaded) if rows}
        own = [file for file in manifest.files if file.table == table.name]
        if not there or there & {file.sha256 for file in own} or not inspect(connection).has_table(table.name):
            return
        dead = folder.tombstones()
        known = {*dead["id"].to_pylist()} if dead is not None else set[str]()
        for file in own:
            known |= {*folder.rows(table.name, file.window, staged=False, columns=["id"])["id"].to_pylist()}
        id: ColumnClause[Any] = column("id")
        some: Select[Any] = select(id).select_from(Table(table.name, MetaData())).limit(AT_ONCE)
        ids = connection.execute(some).scalars().all()
        if ids and known.isdisjoint(ids):
            raise DatabaseError(
                f"{self._shown} holds {table.name} of another account, {ids[0]} for one: name another database, or "
                "drop that table"
            )

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except (SQLAlchemyError, duckdb.Error, ImportError) as error:
            raise DatabaseError(f"the database {self._shown} cannot be used: {reason_of(error)}") from error


class _Load:
    """One table, within a transaction."""

    def __init__(self, connection: Connection, name: str, schema: Schema, manifest: Manifest) -> None:
        self._connection = connection
        self._name = name
        self._account = manifest.account
        self._columns = manifest.columns
        self._table = _table(name, schema, exact=connection.dialect.name != "sqlite")

    def bring(self, wanted: Mapping[str, tuple[str, int]], rows: Callable[[str], Rows]) -> int:
        """Take out the files that are gone or others, put in those that are new; return how many rows were written."""
        known = self._known()
        new = [file for file, seen in wanted.items() if known.get(file) != seen]
        out = [file for file, seen in known.items() if wanted.get(file) != seen]
        self._take_out(out)
        for file in new:
            self._write(rows(file).append_column(FILE, pa.array([file] * wanted[file][1], pa.string())))
            sha256, number = wanted[file]
            self._connection.execute(
                insert(LOADED),
                {
                    "table_name": self._name,
                    "file": file,
                    "sha256": sha256,
                    "rows": number,
                    "stripe_account": self._account,
                    "columns_sha256": self._columns,
                },
            )
        there, whole = self._count(), sum(number for _, number in wanted.values())
        if there != whole:
            raise DatabaseError(f"{self._name} has {there} rows in the database, and should have {whole}")
        return sum(wanted[file][1] for file in new)

    def _known(self) -> dict[str, tuple[str, int]]:
        """Say what is there of the table; nothing where it has other columns, or other numbers of rows."""
        query = select(LOADED).where(LOADED.c.table_name == self._name)
        found = list(self._connection.execute(query).mappings())
        known = {row["file"]: (row["sha256"], row["rows"]) for row in found}
        if inspect(self._connection).has_table(self._name):
            everything: ColumnClause[Any] = literal_column("*")
            there = self._connection.execute(select(everything).select_from(self._table).limit(0)).keys()
            others = {*there} != {*self._table.columns.keys()}
            if others and not found:
                raise DatabaseError(
                    f"there is a table {self._name} already, which was not loaded from here: name another database, or "
                    "drop that table"
                )
            if others or any(row["columns_sha256"] != self._columns for row in found):
                self._connection.execute(DropTable(self._table))
        self._connection.execute(CreateTable(self._table, if_not_exists=True))
        if self._count() == sum(rows for _, rows in known.values()):
            return known
        self._connection.execute(delete(self._table))
        self._connection.execute(delete(LOADED).where(LOADED.c.table_name == self._name))
        return {}

    def _take_out(self, files: list[str]) -> None:
        for begin in range(0, len(files), FILES_AT_ONCE):
            some = files[begin : begin + FILES_AT_ONCE]
            self._connection.execute(delete(self._table).where(self._table.c[FILE].in_(some)))
            named = LOADED.c.table_name == self._name, LOADED.c.file.in_(some)
            self._connection.execute(delete(LOADED).where(*named))

    def _count(self) -> int:
        return self._connection.execute(select(func.count()).select_from(self._table)).scalar_one()

    def _write(self, rows: Rows) -> None:
        if self._connection.dialect.name == "duckdb":
            driver: Any = self._connection.connection.driver_connection
            driver.register("extracted_rows", rows)
            # The name is that of a table of ours.
            driver.execute(f'INSERT INTO "{self._name}" BY NAME SELECT * FROM extracted_rows')  # noqa: S608
            driver.unregister("extracted_rows")
            return
        for batch in _plain(rows, exact=self._connection.dialect.name != "sqlite"):
            self._connection.execute(insert(self._table), batch)


def _plain(rows: Rows, *, exact: bool) -> Iterator[list[dict[str, Any]]]:
    """Yield rows as Python has them; decimals as text, where the database would make floats of them."""
    if not exact:
        for index, field in enumerate(rows.schema):
            if pa.types.is_decimal(field.type):
                rows = rows.set_column(index, field.name, pc.cast(rows.column(index), pa.string()))
    for batch in rows.to_batches(AT_ONCE):
        if batch.num_rows:
            yield batch.to_pylist()


def _table(name: str, schema: Schema, *, exact: bool) -> Table:
    columns = [
        Column(quoted_name(field.name, quote=True), _type(field.type, exact=exact), nullable=field.nullable)
        for field in schema
    ]
    return Table(name, MetaData(), *columns, Column(FILE, String(255), nullable=False, index=False))


def _type(type: Any, *, exact: bool) -> Any:
    if pa.types.is_int64(type):
        return BigInteger()
    if pa.types.is_decimal(type):
        return Numeric(type.precision, type.scale) if exact else Text()
    if pa.types.is_timestamp(type):
        return DateTime(timezone=True)
    if pa.types.is_boolean(type):
        return Boolean()
    return Float(53) if pa.types.is_float64(type) else Text()
