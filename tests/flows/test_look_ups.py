"""What no key and no search can know: found by list, and judged by its amount."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefect_stripe.flows.process import Step
from tests.flows.world import World


@pytest.mark.parametrize("kind", ["invoice", "payment"])
def test_what_neither_keys_nor_a_search_know_is_found_by_list(world: World, kind: str) -> None:
    """A day later the keys are forgotten, and Stripe's search has been out of order since."""
    world.sandbox.search_lag = timedelta(days=2).total_seconds()
    order = world.order() if kind == "invoice" else world.payment()
    assert world.run(order).ending == "done"
    effects = world.effects
    world.sandbox.clock.advance(timedelta(hours=25))
    run = world.run(order)
    assert (run.ending, world.effects) == ("found_done", effects), run.reason


def test_another_amount_that_was_captured_is_told_and_is_no_success(world: World) -> None:
    def capture(number: int, step: Step) -> None:
        if step.operation == "capture_payment_intent":
            world.post(f"payment_intents/{world.intent()['id']}/capture")

    run = world.run(world.payment(capture_method="manual", amount_to_capture=18000), before=capture)
    assert (run.ending, world.intent()["amount_received"]) == ("rejected", 24000)
    assert "240.00 USD was captured, and the order says 180.00 USD" in run.reason
