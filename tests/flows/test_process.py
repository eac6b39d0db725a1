from __future__ import annotations
from typing import TYPE_CHECKING
from tests.flows.conftest import World

def test_paid(world: World) -> None:
    run = world.run(world.order())
    print(run.steps, run.notes)
    assert run.ending == "done"
    assert world.money == {}
