"""The flow on a Prefect server: what it returns and leaves to be read, and how it stops."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from prefect import State
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows import extract
from prefect_stripe.flows.extract import ExtractReport, TableName
from prefect_stripe.flows.extract_columns import ColumnError
from prefect_stripe.flows.extract_tables import TABLES
from prefect_stripe.sandbox import Sandbox
from tests.extract.shop import Shop, landed
from tests.flows.told import Told


def run(shop: Shop, folder: Path, **given: Any) -> State[Any]:
    credentials = StripeCredentials(api_key=SecretStr(shop.sandbox.api_key), api_base=shop.sandbox.url, max_retries=0)
    state: State[Any] = extract(str(folder), credentials=credentials, **given, return_state=True)
    return state


def test_the_form_offers_every_table() -> None:
    assert set(get_args(TableName)) == TABLES.keys()


@pytest.mark.server
def test_tables_are_extracted_and_told_of_and_those_that_change_are_read_again(
    stripe_sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.drafts(3)
    shop.transactions(5)
    stripe_sandbox.clock.advance(1)
    state = run(shop, tmp_path, tables=["customers", "invoices", "balance_transactions"])
    report = ExtractReport.model_validate(state.result())
    told = Told(state)
    assert told.flow_run.name == "extract customers, invoices, balance_transactions"
    assert {one.table: one.rows for one in report.tables} == {
        table: len(landed(tmp_path, table))
        for table in ("customers", "invoices", "invoice_lines", "balance_transactions")
    }
    assert told.artifact_of("table").key == "extract"
    assert told.artifact_of("progress").data == 100
    changed = shop.live("cus_")[0]
    shop.called("update_customer", changed, name="Ann Lee")
    stripe_sandbox.clock.advance(1)
    run(shop, tmp_path, tables=["customers"])
    assert [row["name"] for row in landed(tmp_path, "customers") if row["id"] == changed] == ["Ann Lee"]
    assert len(landed(tmp_path, "customers")) == 1


@pytest.mark.server
def test_a_value_that_fits_no_column_is_what_the_run_says(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.customers(1)
    stripe_sandbox.clock.advance(1)
    account = next(iter(stripe_sandbox.app.store.accounts.values()))
    account.table("customer").rows[shop.live("cus_")[0]]["balance"] = 12.5
    state = run(shop, tmp_path, tables=["customers"])
    assert state.is_failed()
    with pytest.raises(ColumnError, match=r"balance of customer cus_.* is not an integer but float"):
        state.result()


@pytest.mark.server
@pytest.mark.parametrize("since", ["2026-02-31", "31.10.2026"])
def test_a_day_that_is_none_is_refused_in_words_before_anything_is_read(
    stripe_sandbox: Sandbox, tmp_path: Path, since: str
) -> None:
    state = run(Shop(stripe_sandbox, Random(1)), tmp_path, tables=["customers"], since=since)
    with pytest.raises(ValueError, match=f"since: '{since}' is no day: write it as 2026-10-31"):
        state.result()
    assert stripe_sandbox.ledger.requests("list_customers") == []
