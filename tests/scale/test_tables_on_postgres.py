"""Extracted tables on Postgres: what holds of a file holds there, too."""

from __future__ import annotations

from tests.extract.test_targets import (
    shop,
    test_a_database_is_of_one_account,
    test_a_load_that_fails_in_the_middle_leaves_what_was_there,
    test_a_table_its_child_and_its_tombstones_are_loaded,
    test_amounts_and_decimals_are_exact,
    test_other_columns_are_another_table,
    test_what_was_meddled_with_is_loaded_again,
)
from tests.scale.test_ledger_on_postgres import names, place, server

__all__ = [
    "names",
    "place",
    "server",
    "shop",
    "test_a_database_is_of_one_account",
    "test_a_load_that_fails_in_the_middle_leaves_what_was_there",
    "test_a_table_its_child_and_its_tombstones_are_loaded",
    "test_amounts_and_decimals_are_exact",
    "test_other_columns_are_another_table",
    "test_what_was_meddled_with_is_loaded_again",
]
