"""A process that is killed while it extracts: the next one reads what is missing, and that alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from prefect_stripe.flows.extract_store import RUN, ManifestError
from prefect_stripe.flows.extract_windows import Window
from prefect_stripe.sandbox import Sandbox
from tests.extract.shop import Shop, as_row, landed
from tests.flows.told import eventually

ROOT = Path(__file__).parents[2]


def overlaps(window: Window, params: dict[str, Any]) -> bool:
    created = params["created"]
    return int(created["gte"]) < window.lt and int(created["lt"]) > window.gte


@pytest.mark.parametrize("seed", range(2))
def test_whoever_is_killed_leaves_windows_that_are_not_read_again(
    stripe_sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    shop = Shop(stripe_sandbox, Random(seed))
    shop.customers(200)
    stripe_sandbox.clock.advance(1)
    stripe_sandbox.latency = 0.01
    stripe_sandbox.faults.add("hang", "before", operation="list_customers", skip=25, seconds=300)
    command = [sys.executable, "-m", "tests.extract.killed", stripe_sandbox.url, str(tmp_path), str(shop.now)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        assert eventually(lambda: stripe_sandbox.faults.planned, lambda planned: not planned) == []
        process.send_signal(signal.SIGKILL)
    stripe_sandbox.latency = 0.0
    assert process.returncode == -signal.SIGKILL
    left = [Window.named(file.stem) for file in (tmp_path / "customers" / RUN).glob("*.parquet")]
    assert left
    assert not list((tmp_path / "customers").glob("*.parquet"))

    asked = len(stripe_sandbox.ledger.requests("list_customers"))
    report = shop.extract(tmp_path, "customers")
    assert report.windows_left == len(left)
    requests = [exchange.params for exchange in stripe_sandbox.ledger.requests("list_customers")[asked:]]
    assert requests
    assert [params for params in requests for window in left if overlaps(window, params)] == []
    rows = {row["id"]: row for row in landed(tmp_path, "customers")}
    assert rows == {id: as_row("customer", shop.versions[id][-1]) for id in shop.live("cus_")}
    assert report.manifest.rows() == 200


def test_whoever_is_killed_while_files_are_brought_in_is_taken_up(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(3))
    shop.customers(100)
    stripe_sandbox.clock.advance(1)
    first = shop.extract(tmp_path, "customers").manifest
    folder = tmp_path / "customers"
    whole = sorted(file.name for file in folder.glob("*.parquet"))
    # As it stands when half of the files are in it.
    (folder / RUN).mkdir()
    for name in whole[::2]:
        (folder / name).rename(folder / RUN / name)
    (folder / "1-2.parquet").write_bytes(b"of the run before")
    halfway = first.model_copy(update={"state": "committing", "stale": ["1-2"]})
    (folder / "_manifest.json").write_text(halfway.model_dump_json())
    asked = len(stripe_sandbox.ledger.requests())
    again = shop.extract(tmp_path, "customers")
    assert again.manifest == first
    assert sorted(file.name for file in folder.glob("*.parquet")) == whole
    assert len(stripe_sandbox.ledger.requests()) == asked


def test_ctrl_c_ends_a_run_with_the_page_that_it_is_at(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(4))
    shop.customers(300)
    stripe_sandbox.clock.advance(1)
    stripe_sandbox.latency = 0.2
    command = [sys.executable, "-m", "tests.extract.interrupted", stripe_sandbox.url, str(tmp_path), str(shop.now)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        asked = eventually(lambda: len(stripe_sandbox.ledger.requests("list_customers")), lambda asked: asked > 5)
        process.send_signal(signal.SIGINT)
    stripe_sandbox.latency = 0.0
    assert process.returncode != 0
    assert len(stripe_sandbox.ledger.requests("list_customers")) < asked + 20 < 300 / 5
    assert not list((tmp_path / "customers").glob("*.parquet"))
    shop.extract(tmp_path, "customers")
    assert len(landed(tmp_path, "customers")) == 300


def test_a_second_run_at_a_table_is_refused_and_the_first_goes_on(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(5))
    shop.customers(60)
    stripe_sandbox.clock.advance(1)
    refused: list[str] = []

    def second_run(table: str, objects: int) -> None:
        with pytest.raises(ManifestError) as caught:
            shop.extract(tmp_path, "customers")
        refused.append(str(caught.value))

    assert shop.extract(tmp_path, "customers", told=second_run, in_flight=1).manifest.rows() == 60
    assert {*refused} == {"customers: another run is at this table; wait for its end"}


def test_what_two_runs_without_locks_have_left_is_read_again(stripe_sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(stripe_sandbox, Random(6))
    shop.customers(60)
    stripe_sandbox.clock.advance(1)
    manifest = shop.extract(tmp_path, "customers").manifest
    folder = tmp_path / "customers"
    (folder / RUN).mkdir()
    for file in folder.glob("*.parquet"):
        file.rename(folder / RUN / file.name)
    some = next((folder / RUN).glob("*.parquet"))
    some.with_name(f"{manifest.begins}-{manifest.ends}.parquet").write_bytes(some.read_bytes())
    (folder / "_manifest.json").write_text(
        manifest.model_copy(update={"state": "reading", "files": [], "events_from": None}).model_dump_json()
    )
    assert shop.extract(tmp_path, "customers").manifest.rows() == 60
    assert len(landed(tmp_path, "customers")) == 60
