"""Each way an order can go: where it ends, and that a second run changes nothing, soon or much later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.flows.paths import PATHS
from tests.flows.world import World


@pytest.mark.parametrize("name", PATHS)
def test_each_path_ends_where_it_should_and_stays_there(world: World, name: str) -> None:
    path = PATHS[name]
    order = path.order(world)

    first = world.run(order)
    assert (first.ending, world.all("invoices")[0]["status"]) == (path.ending, path.status), first.reason
    assert world.money == path.money
    if order.known_total is not None:
        assert world.all("invoices")[0]["total"] == order.known_total
    state, effects = world.state(), world.effects

    for later in (timedelta(0), timedelta(minutes=2), timedelta(hours=25)):
        world.sandbox.clock.advance(later)
        again = world.run(order)
        assert again.ending == (path.again or path.ending.replace("done", "found_done")), again.reason
        assert world.effects == effects, [e.kind for e in world.sandbox.ledger.effects[effects:]]
        assert world.state() == state
