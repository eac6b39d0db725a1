"""What is in a database, and in CSV files, is what is in the folder: whole, exact, and all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from prefect_stripe.flows import extract_database
from prefect_stripe.flows.extract_database import Database, DatabaseError, database_at
from prefect_stripe.flows.extract_store import Folder
from prefect_stripe.flows.extract_tables import TABLES
from prefect_stripe.flows.extracting import Extracted, Extraction, extract_table
from prefect_stripe.sandbox import Sandbox
from tests.extract.shop import ACCOUNT, Shop, landed
from tests.extract.test_changes import tombstones


@pytest.fixture(params=["tables.duckdb", "sqlite:///{}/tables.db"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    named: str = request.param
    return named.format(tmp_path) if "{}" in named else str(tmp_path / named)


@pytest.fixture
def shop(stripe_sandbox: Sandbox) -> Shop:
    shop = Shop(stripe_sandbox, Random(7))
    shop.drafts(25)
    stripe_sandbox.clock.advance(600)
    return shop


def opened(place: str) -> Database:
    database = database_at(place)
    assert database is not None
    return database


def loaded(shop: Shop, folder: Path, place: str, table: str = "invoices") -> Extracted:
    shop.sandbox.clock.advance(1)
    return shop.extract(folder, table, database=opened(place))


def rows_in(place: str, table: str) -> dict[str, dict[str, Any]]:
    engine = vars(opened(place))["_engine"]
    with engine.connect() as connection:
        found = [dict(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()]
    assert len(found) == len({row["id"] for row in found})
    return {row["id"]: row for row in found}


def assert_same(place: str, folder: Path, table: str) -> None:
    wanted = {row["id"]: row for row in landed(folder, table)}
    there = rows_in(place, table)
    assert there.keys() == wanted.keys()
    for id, row in wanted.items():
        for name, value in row.items():
            seen = there[id][name]
            if isinstance(value, pd.Timestamp) or hasattr(value, "isoformat"):
                at = pd.Timestamp(seen)
                assert (at.tz_localize("UTC") if at.tzinfo is None else at) == pd.Timestamp(value), name
            else:
                assert seen == value or str(seen) == str(value), name


def test_a_table_its_child_and_its_tombstones_are_loaded(shop: Shop, tmp_path: Path, place: str) -> None:
    first = loaded(shop, tmp_path, place)
    assert first.loaded == {table: first.manifest.rows(table) for table in ("invoices", "invoice_lines")}
    for table in ("invoices", "invoice_lines"):
        assert_same(place, tmp_path, table)
    assert sum(loaded(shop, tmp_path, place).loaded.values()) <= 5, "what is there is not loaded again"
    deleted, changed = shop.live("in_")[3:5]
    shop.called("delete_invoice", deleted)
    shop.called("update_invoice", changed, description="more")
    again = loaded(shop, tmp_path, place)
    assert 0 < again.loaded["invoices"] < first.loaded["invoices"]
    assert again.loaded["invoices_deleted"] == 1
    for table in ("invoices", "invoice_lines"):
        assert_same(place, tmp_path, table)
    assert rows_in(place, "invoices")[changed]["description"] == "more"
    assert rows_in(place, "invoices_deleted").keys() == tombstones(tmp_path, "invoices").keys() == {deleted}


def test_a_subscriptions_items_are_loaded_and_those_that_came_since(
    stripe_sandbox: Sandbox, tmp_path: Path, place: str
) -> None:
    shop = Shop(stripe_sandbox, Random(7))
    changed, other = shop.subscription(12), shop.subscription(2)
    loaded(shop, tmp_path, place, "subscriptions")
    assert rows_in(place, "subscription_items").keys() == {*shop.live("si_")}
    monthly = {"currency": "usd", "unit_amount": 7, "recurring": {"interval": "month"}}
    shop.item_more(changed, shop.called("create_price", product_data={"name": "Post"}, **monthly)["id"])
    loaded(shop, tmp_path, place, "subscriptions")
    for table in ("subscriptions", "subscription_items"):
        assert_same(place, tmp_path, table)
    items = rows_in(place, "subscription_items")
    assert items.keys() == {*shop.live("si_")}
    assert Counter(row["subscription"] for row in items.values()) == {changed: 13, other: 2}


def test_amounts_and_decimals_are_exact(stripe_sandbox: Sandbox, tmp_path: Path, place: str) -> None:
    shop = Shop(stripe_sandbox, Random(7))
    shop.transactions(30)
    shop.called("create_product", id="chair", name="Chair")
    shop.called("create_price", product="chair", currency="usd", unit_amount_decimal="0.123456789012")
    loaded(shop, tmp_path, place, "balance_transactions")
    loaded(shop, tmp_path, place, "prices")
    assert_same(place, tmp_path, "balance_transactions")
    (price,) = rows_in(place, "prices").values()
    assert str(price["unit_amount_decimal"]) == "0.123456789012"


def test_a_load_that_fails_in_the_middle_leaves_what_was_there(
    shop: Shop, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(shop, tmp_path, place)
    before = {table: rows_in(place, table) for table in ("invoices", "invoice_lines")}
    shop.drafts(25)
    writes: list[Any] = []
    there: Callable[..., None] = vars(extract_database)["_Load"]._write

    def fails(self: Any, rows: Any) -> None:
        writes.append(rows)
        if len(writes) > 2:
            raise OSError("the disk is full")
        there(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(vars(extract_database)["_Load"], "_write", fails)
        with pytest.raises(OSError, match="full"):
            loaded(shop, tmp_path, place)
    assert {table: rows_in(place, table) for table in before} == before
    loaded(shop, tmp_path, place)
    assert_same(place, tmp_path, "invoices")
    assert_same(place, tmp_path, "invoice_lines")


@pytest.mark.parametrize(
    "statement", ['DELETE FROM "invoices" WHERE total > 0', 'DROP TABLE "invoice_lines"', "DELETE FROM stripe_extracts"]
)
def test_what_was_meddled_with_is_loaded_again(shop: Shop, tmp_path: Path, place: str, statement: str) -> None:
    loaded(shop, tmp_path, place)
    with vars(opened(place))["_engine"].begin() as connection:
        connection.exec_driver_sql(statement)
    loaded(shop, tmp_path, place)
    assert_same(place, tmp_path, "invoices")
    assert_same(place, tmp_path, "invoice_lines")


def test_other_columns_are_another_table(shop: Shop, tmp_path: Path, place: str) -> None:
    first = loaded(shop, tmp_path, place)
    engine = vars(opened(place))["_engine"]
    with engine.begin() as connection:
        connection.exec_driver_sql('DROP TABLE "invoices"')
        connection.exec_driver_sql('CREATE TABLE "invoices" (id TEXT, _file TEXT)')
        connection.exec_driver_sql("UPDATE stripe_extracts SET columns_sha256 = 'of before'")
    assert loaded(shop, tmp_path, place).loaded["invoices"] >= first.loaded["invoices"]
    assert_same(place, tmp_path, "invoices")


def test_a_database_is_of_one_account(shop: Shop, tmp_path: Path, place: str) -> None:
    loaded(shop, tmp_path, place)
    before = rows_in(place, "invoices")
    asked = Extraction("test:other", Folder(str(tmp_path / "other")), ends=shop.now, database=opened(place))
    with pytest.raises(DatabaseError, match=f"of the account '{ACCOUNT}', not of 'test:other'"):
        extract_table(shop.client, TABLES["invoices"], asked)
    assert rows_in(place, "invoices") == before


def test_a_table_of_somebody_else_s_is_left_alone(stripe_sandbox: Sandbox, tmp_path: Path, place: str) -> None:
    shop = Shop(stripe_sandbox, Random(7))
    with vars(opened(place))["_engine"].begin() as connection:
        connection.exec_driver_sql("CREATE TABLE products (id TEXT, name TEXT)")
        connection.exec_driver_sql("INSERT INTO products VALUES ('sku_1', 'Chair')")
    with pytest.raises(DatabaseError, match="a table products already"):
        loaded(shop, tmp_path, place, "products")
    assert rows_in(place, "products") == {"sku_1": {"id": "sku_1", "name": "Chair"}}


def test_a_database_is_of_one_account_though_the_keys_look_alike(shop: Shop, tmp_path: Path, place: str) -> None:
    loaded(shop, tmp_path / "own", place)
    before = rows_in(place, "invoices")
    other = Shop(shop.sandbox, Random(2))
    other.client.config = replace(other.client.config, stripe_account="acct_1Another0000000")
    other.drafts(1)
    with pytest.raises(DatabaseError, match="invoices of another account"):
        loaded(other, tmp_path / "other", place)
    assert rows_in(place, "invoices") == before
    assert loaded(shop, tmp_path / "own, read anew", place).manifest.rows() == len(before)


def test_a_column_that_somebody_dropped_is_there_again(shop: Shop, tmp_path: Path, place: str) -> None:
    loaded(shop, tmp_path, place)
    with vars(opened(place))["_engine"].begin() as connection:
        connection.exec_driver_sql("ALTER TABLE invoices DROP COLUMN total")
    loaded(shop, tmp_path, place)
    assert_same(place, tmp_path, "invoices")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("postgresql+psycopg://books@db.example.com/books?password=hush", "holds a password"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dhush", "holds a password"),
        ("postgresql://books@db.example.com:hush/books", "no path and no SQLAlchemy URL"),
        ("postgresql://books:hush@db.example.com/books", "holds a password: put it into the variable STRIPE_DATABASE"),
        ("postgresql+nothing://db.example.com/books", "its driver is not installed here"),
        ("nothing at all://", "no path and no SQLAlchemy URL"),
        ("/nowhere/at/all/tables.duckdb", "[Cc]annot open"),
    ],
)
def test_a_place_that_will_not_do_is_refused_in_words(place: str, says: str) -> None:
    with pytest.raises(DatabaseError, match=says) as refused:
        database_at(place)
    assert "hush" not in str(refused.value)


def test_a_csv_file_has_every_row(shop: Shop, tmp_path: Path) -> None:
    shop.client.call("update_invoice", shop.live("in_")[0], params={"description": 'a "b",\nc'})
    shop.extract(tmp_path, "invoices", csv=True)
    for table in ("invoices", "invoice_lines"):
        wanted = {row["id"]: row for row in landed(tmp_path, table)}
        frame = pd.read_csv(tmp_path / f"{table}.csv", dtype=str, keep_default_na=False).set_index("id")
        assert {*frame.index} == wanted.keys()
        for id, row in wanted.items():
            for name, value in row.items():
                if name != "id" and not hasattr(value, "isoformat") and not isinstance(value, bool | float):
                    assert frame.at[id, name] == ("" if value is None else str(value))
        assert all(
            pd.Timestamp(str(frame.at[id, "created"])) == row["created"]
            for id, row in wanted.items()
            if "created" in row
        )
    shop.called("delete_invoice", shop.live("in_")[1])
    shop.sandbox.clock.advance(1)
    shop.extract(tmp_path, "invoices", csv=True)
    assert len(pd.read_csv(tmp_path / "invoices.csv")) == len(landed(tmp_path, "invoices"))
    assert len(pd.read_csv(tmp_path / "invoices_deleted.csv")) == 1
