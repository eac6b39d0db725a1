"""What lands is what is at the sandbox, exactly, whatever happens while it is read."""

from __future__ import annotations

import re
import shutil
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from prefect_stripe.client import RetryPolicy, StripeError
from prefect_stripe.flows.extract_columns import ColumnError
from prefect_stripe.flows.extract_store import MANIFEST, RUN, Manifest, ManifestError
from prefect_stripe.flows.extract_windows import GapError
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.faults import Kind
from tests.extract.shop import Shop, as_row, landed

SEEDS = range(6)


class CrashError(Exception):
    """The run dies here."""


class Disturbance:
    """Heard of each page that was read: something happens at the account, and sometimes the run dies."""

    def __init__(self, shop: Shop, crashes: int) -> None:
        self.shop = shop
        self.crashes = crashes
        self.pages = 0
        self._lock = threading.Lock()

    def __call__(self, table: str, objects: int) -> None:
        with self._lock:
            self.pages += 1
            self.shop.something_happens()
            if self.crashes and self.shop.random.random() < 0.1:
                self.crashes -= 1
                raise CrashError


@pytest.mark.parametrize("seed", SEEDS)
def test_a_moving_account_is_read_whole_by_runs_that_die(stripe_sandbox: Sandbox, tmp_path: Path, seed: int) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.customers(shop.random.choice([0, 4, 5, 6, 150]))
    shop.let_time_pass()
    shop.customers(80)
    for _ in range(40):  # at one second, and at the boundary itself
        shop.called("create_customer")
    stripe_sandbox.clock.advance(1)
    ends, before = shop.now, set(shop.live("cus_"))
    kinds: tuple[Kind, ...] = ("reset", "error", "truncate", "rate_limit")
    for kind in kinds:
        stripe_sandbox.faults.add(kind, operation="list_customers", share=0.05, times=None)
    disturbed = Disturbance(shop, crashes=3)
    runs = 0
    while True:
        runs += 1
        try:
            report = shop.extract(tmp_path, "customers", ends=ends, told=disturbed)
            break
        except CrashError:
            assert not list((tmp_path / "customers").glob("*.parquet")), "half a table is nobody's to read"
    rows = landed(tmp_path, "customers")
    assert (runs > 1) == (disturbed.crashes < 3)
    assert {row["id"] for row in rows} <= before
    assert {row["id"] for row in rows} >= before & set(shop.live("cus_"))
    assert max(Counter(row["id"] for row in rows).values()) == 1
    for row in rows:
        assert row in [as_row("customer", version) for version in shop.versions[row["id"]]]
    assert report.manifest.rows() == len(rows)

    asked = len(stripe_sandbox.ledger.requests("list_customers"))
    again = shop.extract(tmp_path, "customers", ends=ends)
    assert (again.windows_read, again.manifest) == (0, report.manifest)
    assert len(stripe_sandbox.ledger.requests("list_customers")) == asked


@pytest.mark.parametrize("seed", SEEDS)
def test_transactions_are_exactly_those_of_the_account(stripe_sandbox: Sandbox, tmp_path: Path, seed: int) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.transactions(shop.random.choice([1, 5, 300]))
    for _ in range(shop.random.choice([0, 1, 57])):
        shop.versions |= {
            row["id"]: [row] for row in [stripe_sandbox.seed("balance_transaction", amount=7, currency="kwd")]
        }
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "balance_transactions")
    truth = [row for page in shop.client.pages("list_balance_transactions") for row in page]
    wanted = {row["id"]: as_row("balance_transaction", row) for row in truth}
    assert {row["id"]: row for row in landed(tmp_path, "balance_transactions")} == wanted
    assert len(landed(tmp_path, "balance_transactions")) == len(truth) == len(wanted)


def test_a_draft_that_is_deleted_while_its_lines_are_read_fails_nothing(
    stripe_sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    while not any(seen[-1].get("lines", {}).get("has_more") for seen in shop.versions.values()):
        shop.drafts(1)
    long = next(id for id, seen in shop.versions.items() if seen[-1].get("lines", {}).get("has_more"))
    stripe_sandbox.clock.advance(1)

    def deletes(table: str, objects: int) -> None:
        if not shop.versions[long][-1].get("deleted"):
            shop.called("delete_invoice", long)

    shop.extract(tmp_path, "invoices", told=deletes)
    assert {row["invoice"] for row in landed(tmp_path, "invoice_lines")} >= {long}
    stripe_sandbox.clock.advance(timedelta(days=1))
    shop.extract(tmp_path, "invoices")
    assert {row["id"] for row in landed(tmp_path, "invoices")} == {*shop.live("in_")}
    assert long not in {row["invoice"] for row in landed(tmp_path, "invoice_lines")}


@pytest.mark.parametrize("seed", SEEDS)
def test_lines_are_whole_though_an_invoice_shows_ten(stripe_sandbox: Sandbox, tmp_path: Path, seed: int) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.drafts(20)
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "invoices")
    invoices, lines = landed(tmp_path, "invoices"), landed(tmp_path, "invoice_lines")
    wanted = [
        line for id in shop.live("in_") for page in shop.client.pages("list_invoice_line_items", id) for line in page
    ]
    assert sorted(row["id"] for row in invoices) == sorted(shop.live("in_"))
    assert {row["id"]: row for row in lines} == {row["id"]: as_row("line_item", row) for row in wanted}
    assert len(lines) == len(wanted)
    for invoice in invoices:
        assert sum(line["amount"] for line in lines if line["invoice"] == invoice["id"]) == invoice["subtotal"]
        assert "lines" not in invoice


def test_items_are_whole_though_a_subscription_shows_ten(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    made = [shop.subscription(items) for items in (1, 10, 11, 20, 2)]
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "subscriptions")
    subscriptions, items = landed(tmp_path, "subscriptions"), landed(tmp_path, "subscription_items")
    assert sorted(row["id"] for row in subscriptions) == sorted(made)
    assert not any("items" in row for row in subscriptions)
    wanted = {id: as_row("subscription_item", shop.versions[id][-1]) for id in shop.live("si_")}
    assert {row["id"]: row for row in items} == wanted
    assert Counter(row["subscription"] for row in items) == dict(zip(made, (1, 10, 11, 20, 2), strict=True))
    # What shows all of its items is not asked for them.
    asked = stripe_sandbox.ledger.requests("list_subscription_items")
    assert sorted(one.params["subscription"] for one in asked) == sorted(made[2:4])


def test_prices_that_are_no_longer_sold_are_read_too(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    product = shop.called("create_product", name="Chair")["id"]
    for number in range(12):
        price = shop.called("create_price", product=product, currency="usd", unit_amount=number + 1)["id"]
        if number % 3:
            shop.called("update_price", price, active=False)
    stripe_sandbox.clock.advance(1)
    report = shop.extract(tmp_path, "prices")
    assert Counter(row["active"] for row in landed(tmp_path, "prices")) == {True: 4, False: 8}
    assert {file.part for file in report.manifest.files} == {"active", "inactive"}


def test_what_is_created_in_the_second_of_the_end_is_left_to_the_next_run(
    stripe_sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    early = shop.called("create_customer")["id"]
    stripe_sandbox.clock.advance(1)
    late = shop.called("create_customer")["id"]
    shop.extract(tmp_path, "customers")
    assert [row["id"] for row in landed(tmp_path, "customers")] == [early]
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "customers")
    assert {row["id"] for row in landed(tmp_path, "customers")} == {early, late}


def test_the_next_run_reads_what_is_new_and_looks_back(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.transactions(60)
    stripe_sandbox.clock.advance(86400)
    first = shop.extract(tmp_path, "balance_transactions", look_back=3600)
    shop.transactions(10)
    stripe_sandbox.clock.advance(1)
    second = shop.extract(tmp_path, "balance_transactions", look_back=3600)
    assert second.windows_left > 0
    kept = {file.window.name for file in first.manifest.files} & {file.window.name for file in second.manifest.files}
    # Of one window the older part alone is kept.
    assert second.windows_left - len(kept) in {0, 1}
    assert {row["id"] for row in landed(tmp_path, "balance_transactions")} == {
        row["id"] for page in shop.client.pages("list_balance_transactions") for row in page
    }
    assert not (tmp_path / "balance_transactions" / RUN).exists()


def test_a_value_of_another_type_stops_the_run_and_loses_no_row(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.customers(12)
    bad = shop.live("cus_")[5]
    stripe_sandbox.clock.advance(1)
    account = next(iter(stripe_sandbox.app.store.accounts.values()))
    row = account.table("customer").rows[bad]
    row["balance"], good = "12.50", row["balance"]
    with pytest.raises(ColumnError, match=f"balance of customer {bad} is not an integer but str"):
        shop.extract(tmp_path, "customers")
    row["balance"] = good
    shop.extract(tmp_path, "customers")
    assert len(landed(tmp_path, "customers")) == 12


def manifest_in(folder: Path) -> Path:
    return folder / "customers" / MANIFEST


@pytest.fixture
def extracted(stripe_sandbox: Sandbox, tmp_path: Path) -> Shop:
    shop = Shop(stripe_sandbox, Random(2))
    shop.customers(60)
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "customers")
    return shop


def test_a_gap_is_never_called_success(extracted: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect_stripe.flows.extract_windows import Window

    whole = Window.pieces
    monkeypatch.setattr(Window, "pieces", lambda self, number: whole(self, number)[1:])  # pyright: ignore
    with pytest.raises(GapError, match="not read"):
        extracted.extract(tmp_path / "other", "customers")
    assert not list((tmp_path / "other" / "customers").glob("*.parquet"))


def test_a_file_that_was_changed_or_lost_is_told(extracted: Shop, tmp_path: Path) -> None:
    file = sorted((tmp_path / "customers").glob("*.parquet"))[0]
    content = file.read_bytes()
    for wrong in (content[:-1], content + b"x", None):
        file.unlink() if wrong is None else file.write_bytes(wrong)
        with pytest.raises(ManifestError, match=file.stem):
            extracted.extract(tmp_path, "customers")
    file.write_bytes(content)
    extracted.extract(tmp_path, "customers")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"account": "live:"}, "from the account 'live:'"),
        ({"table": "charges"}, "from the table 'charges'"),
        ({"begins": 5}, "name another folder"),
        ({"nonsense": 1}, "cannot be read"),
    ],
)
def test_the_folder_of_something_else_is_left_alone(
    extracted: Shop, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    manifest = Manifest.model_validate_json(manifest_in(tmp_path).read_text())
    manifest_in(tmp_path).write_text(
        manifest.model_copy(update=change).model_dump_json() if "nonsense" not in change else '{"nonsense": 1}'
    )
    with pytest.raises(ManifestError, match=told):
        extracted.extract(tmp_path, "customers")


def test_a_refusal_of_stripes_ends_all_windows_with_it(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(2))
    shop.client.config = replace(shop.client.config, retries=RetryPolicy(max_retries=0))
    shop.customers(60)
    stripe_sandbox.clock.advance(1)
    stripe_sandbox.faults.add("error", "before", operation="list_customers", skip=4)
    with pytest.raises(StripeError):
        shop.extract(tmp_path, "customers")
    shop.extract(tmp_path, "customers")
    assert len(landed(tmp_path, "customers")) == 60


def test_an_empty_account_is_a_table_without_rows(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(2))
    report = shop.extract(tmp_path, "invoices")
    assert (report.manifest.rows("invoices"), report.manifest.rows("invoice_lines")) == (0, 0)
    assert landed(tmp_path, "invoices") == []


@pytest.mark.parametrize(
    ("table", "days", "full"),
    [
        ("customers", 0, False),
        ("customers", 0, True),
        ("customers", 31, False),
        ("balance_transactions", 0, False),
        ("payment_intents", 0, False),
        ("payment_intents", 31, True),
    ],
)
def test_the_folder_of_another_account_of_the_same_mode_is_left_alone(
    stripe_sandbox: Sandbox, tmp_path: Path, table: str, days: int, *, full: bool
) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    other = Shop(stripe_sandbox, Random(2))
    other.client.config = replace(other.client.config, stripe_account="acct_1Another0000000")
    for one in (shop, other):
        one.called("create_customer", email="jenny@example.com")
        one.called("create_payment_intent", amount=100, currency="usd")
    stripe_sandbox.clock.advance(1)
    shop.transactions(1)
    stripe_sandbox.clock.advance(1)
    first = shop.extract(tmp_path, table)
    before = landed(tmp_path, table)
    stripe_sandbox.clock.advance(timedelta(days=days, seconds=1))
    with pytest.raises(ManifestError, match="not those of this account"):
        other.extract(tmp_path, table, full=full)
    assert landed(tmp_path, table) == before
    assert shop.extract(tmp_path, table).manifest.rows() == first.manifest.rows() == 1


def test_a_table_of_which_everything_was_deleted_is_still_the_accounts(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.customers(3)
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "customers")
    for customer in shop.live("cus_"):
        shop.called("delete_customer", customer)
    stripe_sandbox.clock.advance(1)
    assert shop.extract(tmp_path, "customers").manifest.rows() == 0


OTHERS = (
    "customers/copy.parquet",
    "customers/copy.parq",
    "customers/_copy.parquet",
    "customers/old/copy.parquet",
    "customers/.old/copy.parquet",
    "customers/month=10/copy.parquet",
    "customers_deleted/copy.parquet",
)
"""What `pd.read_parquet` of the folder, or DuckDB's `**/*.parquet`, would read, too."""


def test_files_that_no_manifest_knows_are_told_of_as_whoever_reads_the_folder_counts_them(
    stripe_sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.customers(3)
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "customers")
    stripe_sandbox.clock.advance(1)
    (file,) = (tmp_path / "customers").glob("*.parquet")
    shutil.copy(file, tmp_path / "elsewhere.parquet")
    for name in OTHERS:
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(file, copy)
        with pytest.raises(ManifestError, match=rf"{re.escape(copy.name)} and 0 more files are there, of which"):
            shop.extract(tmp_path, "customers")
        copy.unlink()
    (tmp_path / "customers" / ".notes").touch()
    (tmp_path / "customers" / "_SUCCESS").touch()
    assert shop.extract(tmp_path, "customers").manifest.rows() == 3
    (tmp_path / "customers" / MANIFEST).unlink()
    with pytest.raises(ManifestError, match="of which the manifest says nothing"):
        shop.extract(tmp_path, "customers")
    shutil.rmtree(tmp_path / "customers")
    shutil.copy(tmp_path / "elsewhere.parquet", tmp_path / "customers_deleted" / "deleted.parquet")
    with pytest.raises(ManifestError, match=r"customers_deleted: deleted\.parquet and 0 more"):
        shop.extract(tmp_path, "customers")
