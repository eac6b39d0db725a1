"""Two processes, held before the first write and let go on the same order: one invoice, one charge, of one version.

BARRIER_ROUNDS=200 in the environment runs as many rounds of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from prefect_stripe.client import OPERATIONS, RetryPolicy
from prefect_stripe.flows.process import Step
from prefect_stripe.sandbox import Sandbox
from tests.flows.world import AnyOrder, World

ROUNDS = int(os.environ.get("BARRIER_ROUNDS", "12"))
ROOT = Path(__file__).parents[2]
GOOD = {"done", "found_done"}

VERSION = [
    {"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000},
    {"description": "Mug", "unit_amount": 1300},
]
OTHERS: dict[str, list[dict[str, Any]]] = {
    "another amount": [VERSION[0], {"description": "Mug", "unit_amount": 1400}],
    "the same total in other lines": [VERSION[0] | {"unit_amount": 15100}, {"description": "Mug", "unit_amount": 1000}],
    "a line more": [*VERSION, {"description": "Hat", "unit_amount": 500}],
    "other words": [VERSION[0], {"description": "Cup", "unit_amount": 1300}],
}


class Racer:
    """A process of its own that runs orders."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.racer", sandbox.api_key, sandbox.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def racers(stripe_sandbox_server: Sandbox) -> Iterator[tuple[Racer, Racer]]:
    both = Racer(stripe_sandbox_server), Racer(stripe_sandbox_server)
    yield both
    for racer in both:
        racer.end()


def race(racers: tuple[Racer, Racer], *orders: AnyOrder) -> list[dict[str, Any]]:
    """Hold both before their first write, let them go, and return how each ended."""
    for racer, order in zip(racers, orders, strict=True):
        racer.tell(order.model_dump_json(exclude_none=True))
    assert [racer.hear() for racer in racers] == ["ready", "ready"]
    for racer in racers:
        racer.tell("go")
    return [json.loads(racer.hear()) for racer in racers]


def start(world: World, number: int) -> dict[str, Any]:
    """Forget all, and return a customer for the round: a new one to be made, or one who is there."""
    world.sandbox.reset()
    if number % 2:
        return {"customer_email": "jenny@example.com"}
    return {"customer": world.post("customers", email="jenny@example.com")["id"]}


def test_two_processes_on_one_order_make_one_invoice_and_one_charge(world: World, racers: tuple[Racer, Racer]) -> None:
    for number in range(ROUNDS):
        order = world.order(lines=VERSION, **start(world, number))
        ended = race(racers, order, order)
        money = world.money
        seen = [money.get(what, 0) for what in ("customers", "invoices", "items", "finalized", "charged", "declined")]
        assert seen == [1, 1, 2, 1, 1, 0], (number, ended, seen)
        assert {one["ending"] for one in ended} <= GOOD, (number, ended)
        assert world.lines(world.invoice()["id"]) == lines_of(VERSION)


def test_two_processes_on_one_payment_begin_one_and_charge_once(world: World, racers: tuple[Racer, Racer]) -> None:
    for number in range(ROUNDS):
        order = world.payment(**start(world, number))
        ended = race(racers, order, order)
        money = world.money
        seen = [money.get(what, 0) for what in ("customers", "payments", "charged", "declined")]
        assert seen == [1, 1, 1, 0], (number, ended, seen)
        assert {one["ending"] for one in ended} <= GOOD, (number, ended)


@pytest.mark.parametrize("difference", OTHERS)
def test_two_versions_of_one_order_are_never_mixed(world: World, racers: tuple[Racer, Racer], difference: str) -> None:
    """Which of both it becomes is nobody's promise; that it becomes one of them, or waits for a person, is."""
    other = OTHERS[difference]
    for number in range(-(-ROUNDS // len(OTHERS))):
        customer = start(world, number)
        ended = race(racers, world.order(lines=VERSION, **customer), world.order(lines=other, **customer))
        money = world.money
        assert money["customers"] == 1
        assert money["invoices"] == 1, (number, ended)
        assert money.get("charged", 0) <= 1
        invoice = world.invoice()
        lines = world.lines(invoice["id"])
        if money.get("charged"):
            assert lines in (lines_of(VERSION), lines_of(other)), (number, ended, lines)
            assert invoice["amount_paid"] == sum(amount for _, _, amount in lines)
        # Done is told by no more than the one whose version it is.
        told = [version for version, one in zip((VERSION, other), ended, strict=True) if one["ending"] in GOOD]
        assert all(lines == lines_of(version) for version in told), (number, ended, lines)


def lines_of(version: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return sorted(
        (line["description"], line.get("quantity", 1), line["unit_amount"] * line.get("quantity", 1))
        for line in version
    )


@pytest.mark.parametrize("named", [{"customer_email": "jenny@example.com"}, {"customer_external_id": "K-17"}])
def test_fifty_orders_of_one_new_customer_let_go_at_once_make_one(world: World, named: dict[str, str]) -> None:
    barrier = threading.Barrier(50)
    held = threading.local()

    def hold(number: int, step: Step) -> None:
        if OPERATIONS[step.operation].writes and not hasattr(held, "was"):
            held.was = True
            barrier.wait(timeout=60)

    def run(number: int) -> str:
        order = world.order(external_id=f"ORD-{number}", settlement="wait", **named)
        run = world.run(order, before=hold, retries=RetryPolicy(max_retries=50, base=0.05, cap=0.2))
        return f"{run.error}" if run.outcome is None else run.ending

    with ThreadPoolExecutor(50) as pool:
        endings = list(pool.map(run, range(50)))
    assert endings == ["done"] * 50
    assert (world.money["customers"], world.money["invoices"]) == (1, 50)
    assert len({invoice["customer"] for invoice in world.all("invoices")}) == 1
