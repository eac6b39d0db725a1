"""An order above a limit is never finalized before it is approved, then as it is approved, by any run after that."""

from __future__ import annotations

import pytest

from prefect_stripe.client import OPERATIONS
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.process import Step
from tests.flows.approvers import LIMITS, decision, says
from tests.flows.world import Interrupted, World

CHANGE = decision("change", corrections=[{"line": 1, "quantity": 2}])
CHANGED = [("Consulting, hours", 2, 30000), ("Mug", 1, 1300)]


def nothing(number: int, step: Step) -> None:
    """Lets a run be."""


def test_nobody_to_ask_leaves_a_draft_that_an_approved_run_takes_up(world: World) -> None:
    run = world.run(world.order(), limits=LIMITS)
    assert (run.ending, world.invoice()["status"]) == ("awaiting_approval", "draft")
    assert "463.00 USD is above the limit of 400.00 USD" in run.reason
    assert world.money == {"customers": 1, "invoices": 1, "items": 2}
    assert world.run(world.order(), limits=LIMITS).ending == "awaiting_approval"
    assert world.money == {"customers": 1, "invoices": 1, "items": 2}

    person = says("approve")
    run = world.run(world.order(), limits=LIMITS, ask=person)
    assert (run.ending, len(person.asked)) == ("done", 1)
    assert "approved by J.R. at 2026-05-04 12:00 UTC: as agreed with the customer" in run.notes
    assert world.run(world.order(), limits=LIMITS).ending == "found_done"
    assert world.money["charged"] == 1


@pytest.mark.parametrize(
    ("limits", "ending"),
    [
        ([], "done"),
        ([ApprovalLimit(currency="usd", amount=46300)], "done"),
        ([ApprovalLimit(currency="usd", amount=46299)], "awaiting_approval"),
        ([ApprovalLimit(currency="eur", amount=99999999)], "awaiting_approval"),
        (
            [ApprovalLimit(currency="usd", amount=99999999), ApprovalLimit(currency="USD", amount=1)],
            "awaiting_approval",
        ),
    ],
)
def test_which_orders_wait(world: World, limits: list[ApprovalLimit], ending: str) -> None:
    assert world.run(world.order(), limits=limits).ending == ending


def test_a_rejected_order_is_not_asked_about_again_unless_it_changes(world: World) -> None:
    run = world.run(world.order(), limits=LIMITS, ask=says("reject"))
    assert (run.ending, world.invoice()["status"]) == ("not_approved", "draft")
    assert "rejected by J.R." in run.reason
    assert world.run(world.order(), limits=LIMITS).ending == "not_approved"
    assert world.run(world.order()).ending == "not_approved", "also where no limit is given"

    other = world.order(lines=[{"description": "Consulting, hours", "quantity": 3, "unit_amount": 14000}])
    assert world.run(other, limits=LIMITS).ending == "awaiting_approval"
    assert world.run(other, limits=LIMITS, ask=says("approve")).ending == "done"
    assert world.money["charged"] == 1


def test_a_changed_order_is_what_is_invoiced_and_stays_so(world: World) -> None:
    run = world.run(world.order(total=46300), limits=LIMITS, ask=says(CHANGE))
    assert run.ending == "done"
    assert "approved with changes by J.R." in run.reason
    assert world.lines(world.invoice()["id"]) == CHANGED
    assert (world.invoice()["total"], world.money["charged"]) == (31300, 1)
    effects = world.effects
    for limits in (LIMITS, ()):
        again = world.run(world.order(total=46300), limits=limits)
        assert again.ending == "found_done"
        assert "approved with changes by J.R." in again.reason
    assert world.effects == effects


def test_a_change_outlives_the_run_that_heard_it(world: World) -> None:
    def crash(number: int, step: Step) -> None:
        if step.operation == "update_invoice" and "decision" in step.label:
            raise Interrupted

    assert isinstance(world.run(world.order(), limits=LIMITS, ask=says(CHANGE), after=crash).error, Interrupted)
    assert world.run(world.order(), limits=LIMITS).ending == "done"
    assert (world.lines(world.invoice()["id"]), world.money["charged"]) == (CHANGED, 1)


@pytest.mark.parametrize("last", ["approve", "reject", "change"])
def test_a_crash_at_every_exchange(world: World, last: str) -> None:
    answer = CHANGE if last == "change" else last

    def arranged() -> None:
        world.sandbox.reset()

    arranged()
    undisturbed = world.run(world.order(), limits=LIMITS, ask=says(answer))
    expected = undisturbed.ending, world.money, world.state()
    for place, step in enumerate(undisturbed.steps):
        for before in (True, False) if OPERATIONS[step.operation].writes else (False,):

            def crash(number: int, step: Step, place: int = place) -> None:
                if number == place:
                    raise Interrupted

            arranged()
            hooks = (crash, nothing) if before else (nothing, crash)
            run = world.run(world.order(), limits=LIMITS, ask=says(answer), before=hooks[0], after=hooks[1])
            assert isinstance(run.error, Interrupted)
            run = world.run(world.order(), limits=LIMITS, ask=says(answer))
            ending = run.ending.replace("found_done", "done")
            assert (ending, world.money, world.state()) == expected, (step.label, before, run.reason)
