"""Each way a payment can go: where it ends, and that a second run changes nothing, soon or much later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.flows.payment_paths import PAYMENT_PATHS
from tests.flows.world import World


@pytest.mark.parametrize("name", PAYMENT_PATHS)
def test_each_path_ends_where_it_should_and_stays_there(world: World, name: str) -> None:
    path = PAYMENT_PATHS[name]
    order = path.order(world)

    first = world.run(order)
    assert first.ending == path.ending, first.reason
    (intent,) = [i for i in world.all("payment_intents") if i["metadata"].get("prefect_stripe_order")]
    assert (intent["status"], intent["amount_received"]) == (path.status, path.received)
    assert sum(c["amount_captured"] for c in world.all("charges")) == path.received
    assert world.money == path.money
    assert first.ending in {"done", "found_done"} or first.reason
    state, effects = world.state(), world.effects

    for later in (timedelta(0), timedelta(minutes=2), timedelta(hours=25)):
        world.sandbox.clock.advance(later)
        again = world.run(order)
        assert again.ending == (path.again or path.ending.replace("done", "found_done")), again.reason
        assert world.effects == effects, [e.kind for e in world.sandbox.ledger.effects[effects:]]
        assert world.state() == state


def test_to_cancel_what_was_never_begun_is_done_and_begins_nothing(world: World) -> None:
    run = world.run(world.payment(settlement="cancel"))
    assert (run.ending, world.all("payment_intents")) == ("done", [])
    assert world.run(world.payment(settlement="cancel")).ending == "found_done"
