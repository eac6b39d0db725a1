"""A file of orders in shards, which several process workers take from a real server side by side."""

from __future__ import annotations

import csv
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from prefect_stripe.sandbox import Sandbox
from tests.workers.ground import Ground, eventually, prefect_ground
from tests.workers.processes import process_of, processes_of

HEADER = "external_id,customer_email,currency,description,quantity,unit_amount,payment_method\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # As Stripe is at its fastest: a shard takes a while, in which its worker can be killed.
    with Sandbox.start(latency=0.05) as running:
        yield running


@pytest.fixture(scope="module")
def ground(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A server with our flows, and two workers that have the account in their environment."""
    with prefect_ground(tmp_path_factory.mktemp("team")) as server, ExitStack() as stack:
        server.deploy()
        for _ in range(2):
            stack.enter_context(server.worker(STRIPE_API_KEY=sandbox.api_key, STRIPE_API_BASE=sandbox.url))
        yield server


def write(path: Path, prefix: str, count: int) -> Path:
    rows = [f"{prefix}-{n},{prefix}{n}@example.com,usd,Mug,1,{1300 + n},pm_card_visa" for n in range(count)]
    rows[3] = rows[3].replace("usd", "dollars")
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def paid(sandbox: Sandbox) -> Counter[int]:
    return Counter(int(effect.amount or 0) for effect in sandbox.ledger.select("invoice.paid"))


def runs_of(ground: Ground, run: str) -> list[dict[str, Any]]:
    """The runs of the shards of a run."""
    found: list[dict[str, Any]] = ground.api(
        "/flow_runs/filter",
        {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}, "sort": "START_TIME_ASC"},
    )
    return found


def executed(ground: Ground, run: str) -> bool | None:
    """Whether the worker of a run has said all that it has to say of it."""
    wanted = {"event": {"name": ["prefect.worker.executed-flow-run"]}, "related": {"id": [f"prefect.flow-run.{run}"]}}
    return bool(ground.api("/events/filter", {"filter": wanted})["events"]) or None


def outcomes_of(orders: Path) -> list[dict[str, str]]:
    with orders.with_name(f"{orders.stem}.outcomes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_shards_are_taken_by_workers_and_told_of_together(ground: Ground, sandbox: Sandbox, tmp_path: Path) -> None:
    before = paid(sandbox)
    orders = write(tmp_path / "orders.csv", "SHARD", 25)
    for _ in range(2):
        run = ground.ended(ground.start_run("invoice-a-file", orders_file=str(orders), shards=3, chunk_size=5))
        assert run["state_name"] == "CompletedWithRejects", run["state"]
        shards = runs_of(ground, run["id"])
        assert [shard["state_name"] for shard in shards] == ["Completed"] * 3
        assert {shard["name"] for shard in shards} == {
            "orders 1 to 8 of orders.csv",
            "orders 9 to 16 of orders.csv",
            "orders 17 to 24 of orders.csv",
        }
        assert [one["external_id"] for one in outcomes_of(orders) if one["ending"] == "rejected"] == ["SHARD-3"]
        assert {int(one["rows"]) for one in outcomes_of(orders)} == set(range(2, 27))
    assert {one["ending"] for one in outcomes_of(orders)} == {"found_done", "rejected"}
    assert paid(sandbox) - before == Counter(1300 + n for n in range(25) if n != 3)


def test_a_shard_whose_process_is_killed_goes_on_as_the_same_run(
    ground: Ground, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = paid(sandbox)
    orders = write(tmp_path / "orders.csv", "KILLED", 41)
    run = ground.start_run("invoice-a-file", orders_file=str(orders), shards=2, chunk_size=5)
    eventually(lambda: (paid(sandbox) - before).total() >= 4 or None, "some orders are paid")
    victim, *_ = [shard["id"] for shard in runs_of(ground, run) if shard["state_name"] == "Running"]
    os.kill(process_of(victim), signal.SIGKILL)
    ended = ground.ended(run)
    assert ended["state_name"] == "CompletedWithRejects", ended["state"]
    shards = runs_of(ground, run)
    assert [shard["state_name"] for shard in shards] == ["Completed"] * 2
    assert {shard["id"]: shard["run_count"] for shard in shards}[victim] == 2
    assert paid(sandbox) - before == Counter(1300 + n for n in range(41) if n != 3)


def test_a_file_and_its_shards_that_are_killed_together_go_on_as_the_same_runs(
    ground: Ground, sandbox: Sandbox, tmp_path: Path
) -> None:
    """As when one worker had them all, and an automation sets the file's run going before those of its shards."""
    before = paid(sandbox)
    orders = write(tmp_path / "orders.csv", "TOGETHER", 101)
    run = ground.start_run("invoice-a-file", orders_file=str(orders), shards=2, chunk_size=5)
    eventually(
        lambda: [shard["state_name"] for shard in runs_of(ground, run)] == ["Running"] * 2 or None, "both shards run"
    )
    eventually(lambda: (paid(sandbox) - before).total() >= 4 or None, "some orders are paid")
    began = [run, *(shard["id"] for shard in runs_of(ground, run))]
    for one in began:
        for process in processes_of(one):
            os.kill(process, signal.SIGKILL)
    for one in began:
        assert ground.ended(one)["state_type"] == "CRASHED"
    # Its worker says it once more, and would have one crash that goes on already.
    eventually(lambda: executed(ground, run), "its worker is done with it")
    ground.api(f"/flow_runs/{run}/set_state", {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}})
    eventually(lambda: ground.api(f"/flow_runs/{run}")["state_type"] == "RUNNING" or None, "the file's run goes on")
    ended = ground.ended(run)
    assert ended["state_name"] == "CompletedWithRejects", ended["state"]
    assert {shard["id"]: shard["state_name"] for shard in runs_of(ground, run)} == dict.fromkeys(began[1:], "Completed")
    assert paid(sandbox) - before == Counter(1300 + n for n in range(101) if n != 3)


def test_a_file_that_was_replaced_is_not_worked_on(ground: Ground, sandbox: Sandbox, tmp_path: Path) -> None:
    before = paid(sandbox)
    orders = write(tmp_path / "orders.csv", "OTHER", 5)
    run = ground.ended(
        ground.start_run("invoice-a-shard", orders_file=str(orders), first=1, last=4, contents="those of yesterday")
    )
    assert run["state_name"] == "Failed"
    assert "orders 1 to 4 of orders.csv are others" in run["state"]["message"]
    assert paid(sandbox) == before


@pytest.mark.server
def test_what_other_workers_cannot_be_given_is_refused_before_anything_is_done(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    from pydantic import SecretStr

    from prefect_stripe.blocks import StripeCredentials
    from prefect_stripe.flows import ShardError, invoice_batch

    before = paid(sandbox)
    orders = write(tmp_path / "orders.csv", "REFUSED", 5)
    credentials = StripeCredentials(api_key=SecretStr(sandbox.api_key), api_base=sandbox.url)
    with pytest.raises(ShardError, match=r"only if it is saved: credentials\.save"):
        invoice_batch(str(orders), credentials, shards=2)
    credentials.save("shards")
    with pytest.raises(ShardError, match="there is no deployment invoice-shard/invoice-a-shard"):
        invoice_batch(str(orders), credentials, shards=2)
    assert paid(sandbox) == before
