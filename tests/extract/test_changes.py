"""What has changed is put in its place, what was deleted has a tombstone, and nothing else is read again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from prefect_stripe.client import StripeError
from prefect_stripe.flows import extracting
from prefect_stripe.flows.arrow import pa, pq
from prefect_stripe.flows.extract_store import MANIFEST, Manifest, ManifestError
from prefect_stripe.sandbox import Sandbox
from tests.extract.shop import Shop, as_row, landed

SEEDS = range(5)


def tombstones(folder: Path, table: str) -> dict[str, dict[str, Any]]:
    file = folder / f"{table}_deleted" / "deleted.parquet"
    return {row["id"]: row for row in pq.read_table(file).to_pylist()} if file.exists() else {}


def live(shop: Shop, table: str) -> dict[str, dict[str, Any]]:
    """What Stripe lists of a table now."""
    return {row["id"]: row for page in shop.client.pages(f"list_{table}") for row in page}


def assert_exact(shop: Shop, folder: Path, table: str, object: str, without: tuple[str, ...] = ()) -> None:
    rows = landed(folder, table)
    assert {row["id"]: row for row in rows} == {
        id: as_row(object, row, without) for id, row in live(shop, table).items()
    }
    assert len(rows) == len({row["id"] for row in rows})


def asked(shop: Shop, operation: str) -> int:
    return len(shop.sandbox.ledger.requests(operation))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_between_two_runs_is_there_after_the_second(
    stripe_sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.customers(150)
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "customers")
    ever = {row["id"] for row in landed(tmp_path, "customers")}
    for _ in range(3):
        for _ in range(shop.random.choice([0, 1, 12])):
            shop.something_happens()
            stripe_sandbox.clock.advance(shop.random.choice([0, 0, 1, 60]))
        stripe_sandbox.clock.advance(shop.random.choice([1, 3600]))
        listed, again = asked(shop, "list_customers"), asked(shop, "retrieve_customer")
        report = shop.extract(tmp_path, "customers")
        assert asked(shop, "list_customers") - listed <= 6, "what is old is not listed again"
        assert asked(shop, "retrieve_customer") - again <= 60
        assert_exact(shop, tmp_path, "customers", "customer")
        assert report.manifest.rows() == len(live(shop, "customers"))
        assert tombstones(tmp_path, "customers").keys() == ever - live(shop, "customers").keys()
        assert report.manifest.deleted == len(tombstones(tmp_path, "customers"))
        assert all(row["deleted"] >= row["created"] for row in tombstones(tmp_path, "customers").values())
        ever |= {row["id"] for row in landed(tmp_path, "customers")}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_happens_while_a_run_fails_and_is_run_again_is_there_in_the_end(
    stripe_sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.customers(120)
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "customers")
    ever = {row["id"] for row in landed(tmp_path, "customers")}
    for _ in range(12):
        shop.something_happens()
    stripe_sandbox.clock.advance(5)

    def happens(table: str, objects: int) -> None:
        shop.something_happens()

    failures = 0
    while True:
        stripe_sandbox.faults.clear()
        if failures < 3:
            operation = shop.random.choice(["retrieve_customer", "list_customers", "list_events"])
            stripe_sandbox.faults.add("error", "before", operation=operation, skip=shop.random.randint(0, 9), times=20)
        try:
            shop.extract(tmp_path, "customers", in_flight=2, told=happens)
            break
        except StripeError:
            failures += 1
            stripe_sandbox.clock.advance(1)
    stripe_sandbox.faults.clear()
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "customers")
    assert_exact(shop, tmp_path, "customers", "customer")
    assert tombstones(tmp_path, "customers").keys() >= ever - live(shop, "customers").keys()
    assert not tombstones(tmp_path, "customers").keys() & live(shop, "customers").keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_invoice_that_changed_has_the_lines_that_it_has_now(
    stripe_sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.drafts(40)
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "invoices")
    deleted, more = shop.random.sample(shop.live("in_"), 2)
    shop.called("delete_invoice", deleted)
    invoice = shop.client.call("retrieve_invoice", more).data
    for _ in range(3):
        params = {"customer": invoice["customer"], "invoice": more, "amount": 77, "currency": "eur"}
        shop.client.call("create_invoice_item", params=params)
    shop.client.call("update_invoice", more, params={"description": "more"})
    stripe_sandbox.clock.advance(1)
    report = shop.extract(tmp_path, "invoices")
    assert report.changed == 1
    assert_exact(shop, tmp_path, "invoices", "invoice", ("lines",))
    lines = landed(tmp_path, "invoice_lines")
    wanted = [
        line
        for id in live(shop, "invoices")
        for page in shop.client.pages("list_invoice_line_items", id)
        for line in page
    ]
    assert {row["id"]: row for row in lines} == {row["id"]: as_row("line_item", row) for row in wanted}
    assert len(lines) == len(wanted)
    assert tombstones(tmp_path, "invoices").keys() == {deleted}


def test_a_subscription_that_changed_has_the_items_that_it_has_now(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    changed, other = shop.subscription(10), shop.subscription(1)
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "subscriptions")
    monthly = {"currency": "usd", "unit_amount": 7, "recurring": {"interval": "month"}}
    price = shop.called("create_price", product_data={"name": "Post"}, **monthly)["id"]
    shop.item_more(changed, price)
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "subscriptions")
    assert_exact(shop, tmp_path, "subscriptions", "subscription", ("items",))
    items = landed(tmp_path, "subscription_items")
    assert {row["id"]: row for row in items} == {
        id: as_row("subscription_item", shop.versions[id][-1]) for id in shop.live("si_")
    }
    assert Counter(row["subscription"] for row in items) == {changed: 11, other: 1}


def test_a_price_that_is_no_longer_sold_is_in_the_other_part(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    product = shop.called("create_product", name="Chair")["id"]
    prices = [
        shop.called("create_price", product=product, currency="usd", unit_amount=number + 1)["id"]
        for number in range(30)
    ]
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "prices")
    shop.called("update_price", prices[3], active=False)
    stripe_sandbox.clock.advance(1)
    assert shop.extract(tmp_path, "prices").changed == 1
    rows = landed(tmp_path, "prices")
    assert [row["id"] for row in rows if not row["active"]] == [prices[3]]
    assert sorted(row["id"] for row in rows) == sorted(prices)


@pytest.mark.parametrize("how", ["the feed is too short", "it is asked for", "there are other columns", "much changed"])
def test_where_the_feed_is_not_enough_all_is_read_again(
    stripe_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.customers(60)
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "customers")
    gone, changed, *others = shop.live("cus_")
    shop.called("delete_customer", gone)
    shop.called("update_customer", changed, name="Ann Lee")
    if how == "the feed is too short":
        stripe_sandbox.clock.advance(timedelta(days=31))
    elif how == "much changed":
        for other in others[:20]:
            shop.called("update_customer", other, name="Bo Lee")
    elif how == "there are other columns":
        monkeypatch.setattr(extracting, "_hash", lambda table: "other")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    stripe_sandbox.clock.advance(600)
    report = shop.extract(tmp_path, "customers", full=how == "it is asked for")
    assert (report.changed, report.windows_left) == (0, 0)
    assert_exact(shop, tmp_path, "customers", "customer")
    assert tombstones(tmp_path, "customers").keys() == {gone}
    assert tombstones(tmp_path, "customers")[gone]["deleted"] is None
    # And from there on by the feed again.
    shop.called("update_customer", changed, name="Ann Lee-Miller")
    stripe_sandbox.clock.advance(1)
    assert shop.extract(tmp_path, "customers").windows_left > 0
    assert_exact(shop, tmp_path, "customers", "customer")
    assert tombstones(tmp_path, "customers").keys() == {gone}


def test_what_is_made_again_under_its_old_id_has_no_tombstone() -> None:
    known = extracting.tombstones(None, [("chair-1", 1, 2), ("chair-2", 1, None)], pa.array([], pa.string()))
    assert known["id"].to_pylist() == ["chair-1", "chair-2"]
    again = extracting.tombstones(known, [("chair-3", 5, 6)], pa.array(["chair-1", "chair-9"]))
    assert again["id"].to_pylist() == ["chair-2", "chair-3"]


def test_events_that_stripe_no_longer_has_stay(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    for _ in range(10):
        shop.called("create_customer")
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "events")
    stripe_sandbox.clock.advance(timedelta(days=25))
    shop.called("create_customer")
    stripe_sandbox.clock.advance(timedelta(days=10))
    shop.called("create_customer")
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "events")
    assert len(live(shop, "events")) == 2
    assert len(landed(tmp_path, "events")) == 12
    stripe_sandbox.clock.advance(1)
    shop.extract(tmp_path, "events", full=True)
    assert len(landed(tmp_path, "events")) == 12


def test_events_of_other_columns_are_left_alone(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.called("create_customer")
    stripe_sandbox.clock.advance(1)
    columns = shop.extract(tmp_path, "events").manifest.columns
    stripe_sandbox.clock.advance(timedelta(days=31))
    shop.called("create_customer")
    stripe_sandbox.clock.advance(1)
    manifest = tmp_path / "events" / MANIFEST
    manifest.write_text(manifest.read_text().replace(columns, "0" * 64))
    with pytest.raises(ManifestError, match="keep that folder, and name another"):
        shop.extract(tmp_path, "events")
    assert len(landed(tmp_path, "events")) == 1


def test_a_charge_is_read_again_when_another_object_tells_of_it(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    intents = [
        shop.client.call(
            "create_payment_intent",
            params={
                "amount": 1000,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "confirm": True,
                "allowed_payment_method_types": ["card"],
            },
        ).data
        for _ in range(40)
    ]
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "charges")
    shop.called("create_refund", payment_intent=intents[7]["id"], amount=400)
    stripe_sandbox.clock.advance(1)
    assert shop.extract(tmp_path, "charges").changed == 1
    assert_exact(shop, tmp_path, "charges", "charge")
    assert sum(row["amount_refunded"] for row in landed(tmp_path, "charges")) == 400


def test_tombstones_that_were_changed_or_lost_are_told(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(1))
    shop.customers(30)
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "customers")
    shop.called("delete_customer", shop.live("cus_")[0])
    stripe_sandbox.clock.advance(600)
    shop.extract(tmp_path, "customers")
    manifest = Manifest.model_validate_json((tmp_path / "customers" / MANIFEST).read_text())
    assert manifest.deleted == 1
    (tmp_path / "customers_deleted" / "deleted.parquet").unlink()
    stripe_sandbox.clock.advance(1)
    with pytest.raises(extracting.ManifestError, match="customers_deleted"):
        shop.extract(tmp_path, "customers")
