"""Orders from frames, Parquet files and URLs: they say what the same orders say in a CSV."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prefect_stripe.flows.order_files import read_orders, write_orders
from prefect_stripe.flows.order_rows import OrderFileError
from prefect_stripe.flows.places import named_twice


def frame(**changed: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "external_id": ["A-1", "A-1", "A-2"],
        "customer_email": ["a@example.com", None, "b@example.com"],
        "currency": ["usd", None, "jpy"],
        "description": ["Mug", "Hat", "Pen"],
        "quantity": [2, None, 1],
        "unit_amount": [1300, 500, 300],
    }
    return pd.DataFrame(columns | changed)


@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
def test_a_frame_is_written_and_read_back_as_the_orders_it_says(tmp_path: Path, name: str) -> None:
    """Where a number is missing pandas makes floats of a whole column: they are whole again."""
    file = read_orders(write_orders(frame(), tmp_path / name))
    assert not file.rejects
    assert [(o.external_id, o.currency, o.known_total) for o in file.orders] == [
        ("A-1", "usd", 3100),
        ("A-2", "jpy", 300),
    ]
    assert file.rows == ({"A-1": (1, 2), "A-2": (3,)} if name.endswith(".parquet") else {"A-1": (2, 3), "A-2": (4,)})


def test_a_frame_with_times_and_an_index_of_its_own(tmp_path: Path) -> None:
    due = pd.Series(["2026-12-31T23:59:00Z", None, "2026-12-30T00:00:00+01:00"], dtype="datetime64[ns, UTC]")
    given = frame(collection_method="send_invoice", settlement="wait", due_date=due).set_index(pd.Index([7, 8, 9]))
    for name in ("orders.parquet", "orders.csv"):
        file = read_orders(write_orders(given, tmp_path / name))
        assert [str(order.due_date) for order in file.orders] == [
            "2026-12-31 23:59:00+00:00",
            "2026-12-29 23:00:00+00:00",
        ]
    # As pandas itself writes it, its index beside the columns.
    given.assign(quantity=1).to_parquet(tmp_path / "own.parquet")
    assert [order.external_id for order in read_orders(tmp_path / "own.parquet").orders] == ["A-1", "A-2"]


def test_a_frame_with_broken_amounts_or_columns_is_refused_and_nothing_written(tmp_path: Path) -> None:
    for given, told in (
        (frame(unit_amount=[13.5, 5.0, 3.0]), "unit_amount is 13.5 in 1 row"),
        (frame(amount=1), "'amount' (is 'unit_amount' meant?)"),
        (frame().drop(columns="currency"), "lacks a column: currency"),
    ):
        with pytest.raises(OrderFileError, match=re.escape(told)):
            write_orders(given, tmp_path / "orders.parquet")
    assert not list(tmp_path.iterdir())


def test_a_parquet_file_with_floats_for_amounts_rejects_the_order_and_no_other(tmp_path: Path) -> None:
    """13.0 may be 13 cents or 13 dollars; only `write_orders` is told which by whoever calls it."""
    given = frame(quantity=1, unit_amount=[13.0, 5.0, None], price=[None, None, "price_1"])
    given.to_parquet(tmp_path / "orders.parquet")
    file = read_orders(tmp_path / "orders.parquet")
    assert [order.external_id for order in file.orders] == ["A-2"]
    assert "row 1: unit_amount is '13.0'" in file.rejects[0].reason


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").write_text("external_id,currency\n")
    with pytest.raises(OrderFileError, match="is no Parquet file"):
        read_orders(tmp_path / "orders.parquet")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_is_read_by_its_url_and_a_missing_one_is_named_without_what_may_be_secret(
    tmp_path: Path, served: str
) -> None:
    for name in ("orders.csv", "orders.parquet"):
        write_orders(frame(), tmp_path / name)
        assert len(read_orders(f"{served}/{name}?signature=hush").orders) == 2
    for place in (f"{served}/nothing.csv?signature=hush", "http://127.0.0.1:9/nothing.csv?signature=hush"):
        with pytest.raises(OSError, match=r"^nothing\.csv could not be fetched") as refused:
            read_orders(place)
        assert "hush" not in str(refused.value)


def test_a_place_of_a_kind_that_is_not_known_here_says_so() -> None:
    with pytest.raises(OSError, match=r"orders\.csv is at a place that cannot be opened here"):
        read_orders("nowhere://bucket/orders.csv")


def test_one_file_is_known_however_it_is_spelt(tmp_path: Path) -> None:
    file, link = tmp_path / "a.csv", tmp_path / "link.csv"
    file.write_text("")
    link.symlink_to(file)
    for other in (file, link, tmp_path / ".." / tmp_path.name / "a.csv", f"file://{file}"):
        assert named_twice(str(file), None, "", str(other)) == str(other)
    assert named_twice("s3://bucket/a.csv", "s3://bucket/a.csv") == "s3://bucket/a.csv"
    assert named_twice("/dev/null", "/dev/null", str(file), "s3://bucket/a.csv", "s3://bucket/b.csv", "", "") is None
