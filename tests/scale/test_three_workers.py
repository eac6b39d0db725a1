"""Three process workers on one server share a file of orders, and Stripe's limit; then one of them is killed."""

from __future__ import annotations

import csv
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.access import Account, Limiter
from prefect_stripe.sandbox.errors import Refusal
from tests.scale.backends import BACKENDS
from tests.workers.ground import Ground, eventually, prefect_ground
from tests.workers.processes import family_of, process_of

WORKERS: Final = 3
LIMIT: Final = 25
"""Requests a second, as Stripe allows them in test mode."""

AUTOMATE: Final = ("-m", "prefect_stripe.deployments.automations", "--dead-after", "40", "--again-after", "10")
"""Seconds. Prefect sends no more than a heartbeat in thirty."""

SAY_THE_LIMIT: Final = """
from prefect_stripe.blocks import StripeCredentials, ensure_rate_limit
ensure_rate_limit(StripeCredentials.from_environment())
"""


@dataclass
class CountingLimiter(Limiter):
    """Stripe's limiter, which keeps the times of what it lets through and counts what it refuses."""

    admitted: list[float] = field(default_factory=list[float])
    refused: int = 0

    def admit(self, account: Account) -> None:
        try:
            super().admit(account)
        except Refusal:
            self.refused += 1
            raise
        self.admitted.append(time.monotonic())

    @property
    def used(self) -> float:
        """How much of the limit was used, from the first request to the last."""
        return len(self.admitted) / (self.admitted[-1] - self.admitted[0]) / LIMIT

    @property
    def share_refused(self) -> float:
        return self.refused / (self.refused + len(self.admitted))


@pytest.fixture
def limiter() -> CountingLimiter:
    return CountingLimiter(per_second=LIMIT)


@pytest.fixture
def sandbox(limiter: CountingLimiter) -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        running.app.limiter = limiter
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> dict[str, str]:
    """What a worker has in its environment."""
    return {
        "STRIPE_API_KEY": sandbox.api_key,
        "STRIPE_API_BASE": sandbox.url,
        "STRIPE_REQUESTS_PER_SECOND": str(LIMIT),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


@pytest.fixture(params=BACKENDS)
def ground(request: pytest.FixtureRequest, tmp_path: Path, account: dict[str, str]) -> Iterator[Ground]:
    """A server with our flows, and the limit that its workers share."""
    with BACKENDS[request.param](tmp_path) as settings, prefect_ground(tmp_path, settings) as server:
        server.deploy()
        server.run(sys.executable, "-c", SAY_THE_LIMIT, cwd=None, **account)
        yield server


@pytest.fixture
def orders(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "orders.csv"
    rows = ["external_id,customer_email,currency,description,quantity,unit_amount,payment_method"]
    count = int(request.config.option.orders)
    rows += [f"ORD-{n},c{n}@example.com,usd,Mug,1,{1300 + n},pm_card_visa" for n in range(count)]
    path.write_text("\n".join(rows) + "\n")
    return path


def all_paid_once(orders: Path, sandbox: Sandbox, run: dict[str, Any], endings: Collection[str] = ("done",)) -> None:
    """Hold the sandbox's books, and what was told, against the file."""
    assert run["state_name"] == "Completed", run["state"]
    with orders.open(newline="") as file:
        wanted = Counter(int(row["unit_amount"]) for row in csv.DictReader(file))
    for effect in ("invoice.paid", "charge.succeeded"):
        assert Counter(int(one.amount or 0) for one in sandbox.ledger.select(effect)) == wanted
    with orders.with_name("orders.outcomes.csv").open(newline="") as file:
        told = [(row["external_id"], row["ending"]) for row in csv.DictReader(file)]
    assert Counter(number for number, _ in told) == Counter(f"ORD-{number}" for number in range(wanted.total()))
    assert {ending for _, ending in told} <= set(endings)


def test_they_use_the_limit_and_keep_inside_it(
    ground: Ground, account: dict[str, str], orders: Path, sandbox: Sandbox, limiter: CountingLimiter
) -> None:
    with ExitStack() as stack:
        for _ in range(WORKERS):
            stack.enter_context(ground.worker(cwd=None, **account))
        run = ground.ended(ground.start_run("invoice-a-file", orders_file=str(orders), shards=WORKERS), seconds=1800)
    all_paid_once(orders, sandbox, run)
    print(f"{limiter.used:.1%} of the limit used, {limiter.share_refused:.2%} of {len(limiter.admitted)} refused")
    assert limiter.used >= 0.85
    assert limiter.share_refused < 0.01


def test_one_that_is_killed_loses_nothing_and_doubles_nothing(
    ground: Ground, account: dict[str, str], orders: Path, sandbox: Sandbox, limiter: CountingLimiter
) -> None:
    """With all that it had begun, which may be the run of the file, too: the same runs go on where others are."""
    ground.run(sys.executable, *AUTOMATE)
    count = int(orders.read_text().count("\n")) - 1
    with ExitStack() as stack:
        workers = [stack.enter_context(ground.worker(cwd=None, **account)) for _ in range(WORKERS)]
        run = ground.start_run("invoice-a-file", orders_file=str(orders), shards=WORKERS, chunk_size=10)
        eventually(lambda: len(sandbox.ledger.select("invoice.paid")) >= count / 3 or None, "a third is paid", 900)
        victim = next(shard["id"] for shard in shards_of(ground, run) if shard["state_name"] == "Running")
        (family,) = [family for one in workers if process_of(victim) in (family := family_of(one.pid))]
        for process in family:
            os.kill(process, signal.SIGKILL)
        killed, before = time.monotonic(), len(limiter.admitted)
        ended = eventually(lambda: completed(ground, run), "the run of the file is completed", 1800)
    all_paid_once(orders, sandbox, ended, ("done", "found_done"))
    shards = {shard["id"]: shard for shard in shards_of(ground, run)}
    assert [shard["state_name"] for shard in shards.values()] == ["Completed"] * WORKERS
    # On a busy SQLite server one that lives may be taken for dead, and is begun once more: four times at the most.
    assert 2 <= shards[victim]["run_count"] <= 4
    again = sum(shard["run_count"] > 1 for shard in shards.values())
    print(
        f"killed with {len(family) - 1} processes of its own; {again} of {WORKERS} shards and the run of the file "
        f"{'too' if ended['run_count'] > 1 else 'not'} set going again; all done {time.monotonic() - killed:.0f} s "
        f"later, after {len(limiter.admitted) - before} requests, {limiter.share_refused:.2%} refused"
    )


def shards_of(ground: Ground, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ground.api(
        "/flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}, "sort": "START_TIME_ASC"}
    )
    return found


def completed(ground: Ground, run: str) -> dict[str, Any] | None:
    """The run, once it is completed: a crash is not the end of it."""
    found: dict[str, Any] = ground.api(f"/flow_runs/{run}")
    assert found["state_type"] not in {"FAILED", "CANCELLED"}, found["state"]
    return found if found["state_type"] == "COMPLETED" else None
