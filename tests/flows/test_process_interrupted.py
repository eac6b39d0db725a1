"""Every way an order can go, interrupted at every step in every manner, and run again: it ends as if nothing had been.

One invoice, each line once, at most one successful charge, by the sandbox's ledger.
"""

from __future__ import annotations

from typing import Any

import pytest

from prefect_stripe.client import OPERATIONS, RetryPolicy
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.process import Step
from tests.flows.paths import PATHS
from tests.flows.world import IMPATIENT, PATIENT, Interrupted, Run, World

FAULTS: dict[str, dict[str, Any]] = {
    "answer lost": {"kind": "close", "when": "after"},
    "kept 500, all done": {"kind": "error", "when": "after"},
    "kept 500, nothing done": {"kind": "error", "when": "before"},
    "reset before": {"kind": "reset", "when": "before"},
    "proxy error": {"kind": "html", "when": "after"},
    "limited": {"kind": "rate_limit"},
    "locked": {"kind": "lock_timeout"},
    "half a body": {"kind": "truncate"},
}

THOROUGH = (
    "paid",
    "corrected",
    "declined three times",
    "declined on attaching, voided",
    "a bank debit",
    "sent, paid elsewhere",
    "a draft that said something else",
    "voided by a person, reissued",
)
"""Paths that between them have every write there is: on these every fault is tried, on the others the worst."""

AT_LEAST_ONCE = {"send_invoice": "e-mails", "attach_payment_method": "attached"}
"""What leaves nothing to be found again by: it is done twice where Stripe did it and answered that it failed."""


class Case:
    """One path, to be gone again and again from the same start."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.path = world, PATHS[name]
        self.order, number = self.begin()
        run = world.run(self.order)
        self.expected, self.steps = self.result(run), run.steps
        self.first = number

    def begin(self) -> tuple[InvoiceOrder, int]:
        """Start over; return the order and the number of exchanges that it took to arrange things."""
        self.world.sandbox.reset()
        order = self.world.order(**self.path.given | self.path.arrange(self.world))
        return order, len(self.world.sandbox.ledger.exchanges)

    def result(self, run: Run) -> tuple[Any, ...]:
        return run.ending.replace("found_done", "done"), self.world.money, self.world.state()

    @property
    def writes(self) -> list[tuple[int, Step]]:
        return [(place, step) for place, step in enumerate(self.steps) if OPERATIONS[step.operation].writes]

    def check(self, run: Run, where: str, twice: str | None = None) -> None:
        ending, money, state = self.result(run)
        if twice is not None and money.get(twice) == 2:
            money[twice] = 1
        assert (ending, money, state) == self.expected, f"{where}: {run.reason}"


@pytest.fixture(params=[name for name in PATHS if name != "many lines"])
def case(world: World, request: pytest.FixtureRequest) -> Case:
    return Case(world, request.param)


@pytest.fixture(params=THOROUGH)
def thorough(world: World, request: pytest.FixtureRequest) -> Case:
    return Case(world, request.param)


def fault_at(world: World, case: Case, place: int, fault: str, retries: RetryPolicy) -> None:
    """Go the path with a fault at one step, run again where that ended the run, and see that all is as it should be."""
    order, before = case.begin()
    world.sandbox.faults.add(number=before + place + 1, **FAULTS[fault])
    run = world.run(order, retries=retries)
    assert any(exchange.fault for exchange in world.sandbox.ledger.exchanges), "the fault was never met"
    if run.error is not None:
        run = world.run(order)
    step = case.steps[place]
    twice = AT_LEAST_ONCE.get(step.operation) if fault == "kept 500, all done" else None
    case.check(run, f"{fault} at {step.label}", twice)


def test_a_crash_after_any_write(world: World, case: Case) -> None:
    """Also before any step, and after any read: what is at Stripe then is what is there after the write before it."""
    for place, step in case.writes:
        order, _ = case.begin()

        def crash(number: int, step: Step, place: int = place) -> None:
            if number == place:
                raise Interrupted

        crashed = world.run(order, after=crash)
        assert isinstance(crashed.error, Interrupted)
        case.check(world.run(order), step.label)


def test_a_crash_after_every_write(world: World, case: Case) -> None:
    """As many runs as there are writes, each of which gets one further than the one before it."""
    order, _ = case.begin()
    for _ in range(4 * len(case.steps)):
        before = world.effects

        def crash(number: int, step: Step, before: int = before) -> None:
            if world.effects > before:
                raise Interrupted

        run = world.run(order, after=crash)
        if run.error is None:
            break
    else:
        pytest.fail("it never comes to an end")
    case.check(world.run(order), "run by run")


@pytest.mark.parametrize("name", [name for name in PATHS if name not in (*THOROUGH, "many lines")])
def test_an_answer_lost_at_any_write(world: World, name: str) -> None:
    case = Case(world, name)
    for place, _ in case.writes:
        fault_at(world, case, place, "answer lost", IMPATIENT)


@pytest.mark.parametrize("fault", FAULTS)
def test_any_fault_at_any_write(world: World, thorough: Case, fault: str) -> None:
    for number, (place, _) in enumerate(thorough.writes):
        # What can leave something half done is tried everywhere; what cannot, here or there.
        if fault in ("answer lost", "kept 500, all done"):
            fault_at(world, thorough, place, fault, PATIENT)
            fault_at(world, thorough, place, fault, IMPATIENT)
        elif number % 3 == len(fault) % 3:
            fault_at(world, thorough, place, fault, PATIENT)


@pytest.mark.parametrize("retries", [PATIENT, IMPATIENT], ids=["retried", "run again"])
def test_every_read_lost_once(world: World, case: Case, retries: RetryPolicy) -> None:
    order, _ = case.begin()
    reads = {step.operation for step in case.steps if not OPERATIONS[step.operation].writes}
    for operation in reads:
        world.sandbox.faults.add("close", "after", operation=operation)
    run = world.run(order, retries=retries)
    for _ in reads:
        if run.error is not None:
            run = world.run(order, retries=retries)
    assert not world.sandbox.faults.planned
    case.check(run, "every read lost once")
