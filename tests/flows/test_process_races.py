"""Two at once, or somebody in between: never a second object, and never a success that was not seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from prefect_stripe.flows.process import Step
from tests.flows.world import Run, World


def at_once(*runs: Callable[[], Run]) -> list[Run]:
    results: dict[int, Run] = {}

    def go(number: int, run: Callable[[], Run]) -> None:
        results[number] = run()

    threads = [threading.Thread(target=go, args=(number, run)) for number, run in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(runs))]


def endings(runs: list[Run]) -> list[str]:
    return sorted(run.outcome.ending if run.outcome else type(run.error).__name__ for run in runs)


def test_one_order_for_two_customers_at_once_is_invoiced_to_one(world: World) -> None:
    one, other = (world.post("customers", email=f"{name}@example.com")["id"] for name in ("a", "b"))
    world.sandbox.latency = 0.2
    runs = at_once(lambda: world.run(world.order(customer=one)), lambda: world.run(world.order(customer=other)))
    assert endings(runs) == ["done", "rejected"]
    assert world.money["invoices"] == 1
    assert world.money["charged"] == 1


def test_two_orders_of_a_new_customer_who_is_spelt_in_two_ways_make_one_customer(world: World) -> None:
    world.sandbox.latency = 0.2

    def order(external_id: str, name: str) -> Run:
        return world.run(world.order(external_id=external_id, customer_external_id="K-1", customer_name=name))

    runs = at_once(lambda: order("O-1", "Jenny Rosen"), lambda: order("O-2", "Jenny Q. Rosen"))
    # The other is refused, or told that the key is in use: either way it is to be run again.
    assert "done" in endings(runs)
    assert world.money["customers"] == 1
    world.sandbox.latency = 0.0
    assert order("O-1", "Jenny Rosen").ending in {"done", "found_done"}
    assert order("O-2", "Jenny Q. Rosen").ending in {"done", "found_done"}
    assert world.money["customers"] == 1
    assert world.money["charged"] == 2


def test_voided_by_a_person_between_looking_and_paying_is_told_as_void(world: World) -> None:
    def void(number: int, step: Step) -> None:
        if step.operation == "pay_invoice":
            world.post(f"invoices/{world.invoice()['id']}/void")

    run = world.run(world.order(), before=void)
    assert run.outcome is not None
    assert (run.outcome.ending, run.outcome.status) == ("rejected", "void")


def test_voided_longer_ago_than_the_look_back_is_not_invoiced_again(world: World) -> None:
    world.run(world.order(settlement="wait"))
    world.post(f"invoices/{world.invoice()['id']}/void")
    world.sandbox.clock.advance(timedelta(days=9))
    run = world.run(world.order(), look_back_days=7)
    assert run.outcome is not None
    assert (run.outcome.ending, run.outcome.status) == ("rejected", "void")
    assert world.money["invoices"] == 1


def test_a_draft_that_another_version_of_the_order_finished_is_not_told_as_done(world: World) -> None:
    lines: list[dict[str, Any]] = [
        {"description": "Llama", "quantity": 3, "unit_amount": 15000},
        {"description": "Alpaca", "quantity": 1, "unit_amount": 1300},
    ]
    others: list[Run] = []

    def overtake(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice" and not others:
            others.append(world.run(world.order(lines=lines, settlement="wait")))

    run = world.run(world.order(settlement="wait"), before=overtake)
    assert endings([run, *others]) == ["done", "rejected"]
    assert world.money["invoices"] == 1
