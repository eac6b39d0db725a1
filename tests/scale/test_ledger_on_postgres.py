"""The ledger on Postgres: what holds of a file holds there, too."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import count

import psycopg
import pytest

from tests.books.conftest import books
from tests.books.test_ledger import (
    test_a_ledger_is_of_one_time_zone,
    test_a_ledger_that_holds_something_else_stops_the_close,
    test_an_account_s_lines_are_its_own,
    test_many_at_once_post_each_transaction_once,
    test_the_close_finds_nothing_missing_and_nothing_new,
    test_the_close_posts_what_is_missing,
    test_what_comes_late_is_posted_after_the_months_that_are_closed_by_whoever_finds_it,
    test_what_is_new_is_posted_once,
)
from tests.scale.backends import postgres
from tests.workers.ground import HOST

__all__ = [
    "books",
    "test_a_ledger_is_of_one_time_zone",
    "test_a_ledger_that_holds_something_else_stops_the_close",
    "test_an_account_s_lines_are_its_own",
    "test_many_at_once_post_each_transaction_once",
    "test_the_close_finds_nothing_missing_and_nothing_new",
    "test_the_close_posts_what_is_missing",
    "test_what_comes_late_is_posted_after_the_months_that_are_closed_by_whoever_finds_it",
    "test_what_is_new_is_posted_once",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    with postgres(tmp_path_factory.mktemp("postgres") / "postgres.log") as port:
        yield port


@pytest.fixture(scope="module")
def names() -> Iterator[int]:
    return count()


@pytest.fixture
def place(server: int, names: Iterator[int]) -> str:
    """The URL of a database of the test's own; it overrides the file of the tests that are imported."""
    database = f"ledger_{next(names)}"
    with psycopg.connect(host=HOST, port=server, user="prefect", dbname="prefect", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    return f"postgresql+psycopg://prefect@{HOST}:{server}/{database}"
