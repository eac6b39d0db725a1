"""Interrupts an order's way at a step, in every manner, and runs it again: it must end as if nothing had been."""

from __future__ import annotations

from typing import Any, Protocol

from prefect_stripe.client import OPERATIONS, RetryPolicy
from prefect_stripe.flows.process import Step
from tests.flows.world import AnyOrder, Interrupted, Run, World

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

AT_LEAST_ONCE = {"send_invoice": "e-mails", "attach_payment_method": "attached"}
"""What leaves nothing to be found again by: it is done twice where Stripe did it and answered that it failed."""


class Path(Protocol):
    """One way that an order can go."""

    def order(self, world: World) -> AnyOrder:
        """Arrange things, and return the order."""
        ...


class Case:
    """One path, to be gone again and again from the same start."""

    def __init__(self, world: World, path: Path) -> None:
        self.world, self.path = world, path
        self.order, _ = self.begin()
        run = world.run(self.order)
        self.expected, self.steps = self.result(run), run.steps

    def begin(self) -> tuple[AnyOrder, int]:
        """Start over; return the order and the number of exchanges that it took to arrange things."""
        self.world.sandbox.reset()
        order = self.path.order(self.world)
        return order, len(self.world.sandbox.ledger.exchanges)

    def result(self, run: Run) -> tuple[Any, ...]:
        return run.ending.replace("found_done", "done"), self.world.money, self.world.state()

    @property
    def writes(self) -> list[tuple[int, Step]]:
        return [(place, step) for place, step in enumerate(self.steps) if OPERATIONS[step.operation].writes]

    def check(self, run: Run, where: str, twice: str | None = None) -> None:
        ending, money, state = self.result(run)
        expected = self.expected[1]
        if twice is not None and money.get(twice) == expected.get(twice, 0) + 1:
            money[twice] = expected[twice]
        assert (ending, money, state) == self.expected, f"{where}: {run.reason}"

    def crash_around(self, place: int, *, before: bool = False) -> None:
        """End the run right before or after one step, and run it again."""
        order, _ = self.begin()

        def crash(number: int, step: Step) -> None:
            if number == place:
                raise Interrupted

        crashed = self.world.run(order, before=crash) if before else self.world.run(order, after=crash)
        assert isinstance(crashed.error, Interrupted)
        self.check(self.world.run(order), self.steps[place].label)

    def crash_after_every_write(self) -> None:
        """As many runs as there are writes, each of which gets one further than the one before it."""
        order, _ = self.begin()
        for _ in range(4 * len(self.steps)):
            before = self.world.effects

            def crash(number: int, step: Step, before: int = before) -> None:
                if self.world.effects > before:
                    raise Interrupted

            if self.world.run(order, after=crash).error is None:
                break
        else:
            raise AssertionError("it never comes to an end")
        self.check(self.world.run(order), "run by run")

    def fault_at(self, place: int, fault: str, retries: RetryPolicy) -> None:
        """Meet a fault at one step, and run it again where that ended the run."""
        order, before = self.begin()
        self.world.sandbox.faults.add(number=before + place + 1, **FAULTS[fault])
        run = self.world.run(order, retries=retries)
        assert any(exchange.fault for exchange in self.world.sandbox.ledger.exchanges), "the fault was never met"
        if run.error is not None:
            run = self.world.run(order)
        step = self.steps[place]
        twice = AT_LEAST_ONCE.get(step.operation) if fault == "kept 500, all done" else None
        self.check(run, f"{fault} at {step.label}", twice)

    def every_read_lost_once(self, retries: RetryPolicy) -> None:
        order, _ = self.begin()
        reads = {step.operation for step in self.steps if not OPERATIONS[step.operation].writes}
        for operation in reads:
            self.world.sandbox.faults.add("close", "after", operation=operation)
        run = self.world.run(order, retries=retries)
        for _ in reads:
            if run.error is not None:
                run = self.world.run(order, retries=retries)
        assert not self.world.sandbox.faults.planned
        self.check(run, "every read lost once")
