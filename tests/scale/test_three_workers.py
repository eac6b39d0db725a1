"""Three process workers on one server share a file of orders, and Stripe's limit; then one of them is killed."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.access import Account, Limiter
from prefect_stripe.sandbox.errors import Refusal
from tests.scale.backends import BACKENDS
from tests.workers.ground import Ground, prefect_ground

WORKERS: Final = 3
LIMIT: Final = 25
"""Requests a second, as Stripe allows them in test mode."""

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


def all_paid_once(orders: Path, sandbox: Sandbox, run: dict[str, Any]) -> None:
    """Hold the sandbox's books, and what was told, against the file."""
    assert run["state_name"] == "Completed", run["state"]
    with orders.open(newline="") as file:
        wanted = Counter(int(row["unit_amount"]) for row in csv.DictReader(file))
    for effect in ("invoice.paid", "charge.succeeded"):
        assert Counter(int(one.amount or 0) for one in sandbox.ledger.select(effect)) == wanted
    with orders.with_name("orders.outcomes.csv").open(newline="") as file:
        told = [(row["external_id"], row["ending"]) for row in csv.DictReader(file)]
    assert sorted(told) == sorted((f"ORD-{number}", "done") for number in range(wanted.total()))


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
