"""Runs of one order that needs approval, step by step among one another: what is charged is what was approved, once.

APPROVAL_ROUNDS=1000 in the environment goes through as many.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect_stripe.client import StripeError
from prefect_stripe.flows.approvals import Answer, Question, Recorded, corrected, recorded_on
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.process import Reply, Step, perform
from tests.flows.approvers import LIMITS, decision, says
from tests.flows.world import IMPATIENT, World, process_of

ROUNDS = int(os.environ.get("APPROVAL_ROUNDS", "60"))

OTHER = [
    {"description": "Llama", "quantity": 3, "unit_amount": 15000},
    {"description": "Mug", "quantity": 1, "unit_amount": 1300},
]
CHANGES = [{"line": 1, "quantity": 2}]
ANSWERS: list[Callable[[Question], Answer | None]] = [
    lambda question: None,
    says("approve"),
    says("reject"),
    says(decision("change", corrections=CHANGES)),
    says(decision("approve", decided_by="K.L.")),
]


@dataclass
class Walk:
    """A process that is gone one step at a time."""

    world: World
    order: InvoiceOrder
    ask: Callable[[Question], Answer | None]
    ending: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        self._process = process_of(self.order, limits=LIMITS)
        self._client = self.world.client(IMPATIENT)
        self._next: Any = next(self._process)

    def go(self) -> Step | None:
        """Take one step; return it, unless it was not a call."""
        step = self._next
        try:
            if not isinstance(step, Step):
                self._next = self._process.send(self.ask(step) if isinstance(step, Question) else None)
                return None
            try:
                reply: Reply = perform(self._client, step.call)
            except StripeError as error:
                self._next = self._process.throw(error)
            else:
                self._next = self._process.send(reply)
        except StopIteration as end:
            self.ending, self.reason = end.value.ending, end.value.reason or ""
        except StripeError as error:
            self.ending, self.reason = "failed", str(error)
        return step if isinstance(step, Step) else None


def versions(world: World) -> dict[str, InvoiceOrder]:
    """Every version of the order, by its fingerprint."""
    ordered = [world.order(), world.order(lines=OTHER)]
    orders = [*ordered, *(corrected(order, decision("change", corrections=CHANGES).corrections) for order in ordered)]
    return {order.fingerprint: order for order in orders}


def is_approved(invoice: dict[str, Any], lines: list[tuple[str, int, int]], known: dict[str, InvoiceOrder]) -> bool:
    decided: Recorded | None = recorded_on(invoice)
    if decided is None or decided.decision == "reject" or decided.total != invoice["total"]:
        return False
    order = known[decided.contents]
    return lines == sorted(
        (line.description or "", line.quantity, line.quantity * (line.unit_amount or 0)) for line in order.final_lines
    )


def go_among_one_another(world: World, seed: int) -> list[str]:
    """Three runs, each of one of two versions and with an answer or none, then two more; return what happened."""
    drawn = random.Random(seed)
    known = versions(world)
    customer = world.post("customers", email="jenny@example.com")["id"]

    def walk() -> Walk:
        lines = drawn.choice([{}, {}, {"lines": OTHER}])
        return Walk(world, world.order(customer=customer, **lines), drawn.choice(ANSWERS))

    walks, told = [walk() for _ in range(3)], list[str]()
    for _ in range(2):
        while going := [one for one in walks if not one.ending]:
            # The others stand still meanwhile, as a run does that waits for a person or a worker.
            one = drawn.choice(going)
            for _ in range(drawn.choice([1, 1, 2, 9])):
                step = one.go()
                if step is not None:
                    told.append(f"{walks.index(one)}: {step.label}")
                if step is not None and step.operation == "pay_invoice":
                    for invoice in world.all("invoices"):
                        paid = invoice["status"] == "paid"
                        assert not paid or is_approved(invoice, world.lines(invoice["id"]), known), (seed, told)
                if one.ending:
                    told.append(f"{walks.index(one)}: {one.ending}: {one.reason}")
                    break
        assert world.money.get("charged", 0) <= 1, (seed, told)
        # Whoever comes later finds it, without being able to ask.
        walks.append(Walk(world, world.order(customer=customer), ANSWERS[0]))
    return told


def test_whatever_runs_among_one_another_no_more_is_charged_than_what_was_approved(world: World) -> None:
    endings, charged = Counter[str](), 0
    for seed in range(ROUNDS):
        world.sandbox.reset()
        told = go_among_one_another(world, seed)
        endings.update(line.split(": ")[1] for line in told)
        charged += world.money.get("charged", 0)
    # It would show nothing if nobody ever came to an end.
    assert charged > ROUNDS / 4, charged
    assert endings.keys() >= {"done", "found_done", "not_approved", "awaiting_approval", "rejected"}
