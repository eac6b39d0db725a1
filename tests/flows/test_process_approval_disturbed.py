"""What people and other runs do while an order waits: nothing is charged that nobody approved, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe.flows.approvals import (
    APPROVAL_CORRECTIONS,
    Answer,
    Decision,
    Question,
    recorded_on,
)
from prefect_stripe.flows.process import Step
from tests.flows.approvers import LIMITS, decision, says
from tests.flows.interruptions import FAULTS
from tests.flows.world import IMPATIENT, Interrupted, Run, World

CHANGE = decision("change", corrections=[{"line": 1, "quantity": 2}])
OTHER = {"lines": [{"description": "Llama", "quantity": 3, "unit_amount": 15000}]}


def approve(world: World, **given: Any) -> Run:
    return world.run(world.order(**given), limits=LIMITS, ask=says("approve"))


def charged(world: World) -> int:
    return world.money.get("charged", 0)


def is_recording(step: Step) -> bool:
    return step.label.startswith("record the decision")


# Answers


@pytest.mark.parametrize(
    ("first", "second", "ending"),
    [
        ("approve", "approve", "done"),
        ("approve", "reject", "rejected"),
        ("approve", CHANGE, "rejected"),
        (CHANGE, CHANGE, "done"),
        (CHANGE, "approve", "rejected"),
        ("reject", "approve", "rejected"),
        ("reject", "reject", "not_approved"),
    ],
)
def test_of_two_answers_at_once_the_first_that_is_written_down_holds(
    world: World, first: str | Decision, second: str | Decision, ending: str
) -> None:
    others: list[Run] = []

    def overtake(number: int, step: Step) -> None:
        if is_recording(step):
            others.append(world.run(world.order(), limits=LIMITS, ask=says(first)))

    # A moment later, so that what would be written down is not the same to the letter.
    late = says(second, at=says("approve").answers[0].at + timedelta(seconds=1))
    run = world.run(world.order(), limits=LIMITS, ask=late, before=overtake)
    assert others[0].ending == ("not_approved" if first == "reject" else "done")
    assert run.ending == ending
    if ending == "rejected":
        assert "came too late: it was" in run.reason
    assert charged(world) == (first != "reject")
    assert (recorded_on(world.invoice()) or pytest.fail("gone")).decision == getattr(first, "decision", first)


@pytest.mark.parametrize("answer", ["approve", "reject", CHANGE])
def test_an_answer_that_was_asked_for_days_ago_is_judged_by_what_is_by_then(
    world: World, answer: str | Decision
) -> None:
    person = says(answer)

    def after_days(question: Question) -> Answer | None:
        if question.waits:
            assert approve(world).ending == "done"
            world.sandbox.clock.advance(timedelta(days=3))
        return person(question)

    run = world.run(world.order(), limits=LIMITS, ask=after_days)
    assert run.ending == "rejected"
    assert "meanwhile" in run.reason
    # As a run that begins again hears its answer again.
    again = world.run(world.order(), limits=LIMITS, ask=person)
    assert again.ending == ("found_done" if answer == "approve" else "rejected")
    assert charged(world) == 1


PROBLEMS: dict[str, tuple[Decision, str]] = {
    "no such line": (decision("change", corrections=[{"line": 3, "quantity": 1}]), "names line 3"),
    "no corrections": (decision("change"), "has no corrections"),
    "a line twice": (decision("change", corrections=[{"line": 1, "quantity": n} for n in (1, 2)]), "twice"),
    "nothing": (decision("change", corrections=[{"line": 1}]), "changes nothing"),
    "the same": (decision("change", corrections=[{"line": 1, "quantity": 3}]), "change nothing"),
    "less than nothing": (decision("change", corrections=[{"line": 1, "unit_amount": -15000}]), "less than nothing"),
    "too much": (
        decision("change", corrections=[{"line": n, "description": "long " * 50 + "."} for n in (1, 2)]),
        "500 can be kept",
    ),
    "approved and corrected": (decision("approve", corrections=CHANGE.corrections), "choose to change"),
    "nobody": (decision("approve", decided_by="  "), "who decides"),
    "no reason": (decision("reject", reason="\n"), "say why"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_answer_that_cannot_be_followed_is_asked_for_again_in_words(world: World, name: str) -> None:
    wrong, told = PROBLEMS[name]
    person = says(wrong, "approve")
    run = world.run(world.order(), limits=LIMITS, ask=person)
    assert (run.ending, len(person.asked), world.invoice()["total"]) == ("done", 2, 46300)
    assert told in str(person.asked[1].problem)
    assert told in person.asked[1].in_markdown(person.asked[1].problem)


def test_what_a_person_writes_is_kept_as_one_line_that_fits(world: World) -> None:
    person = says(decision("reject", reason='"a\nb\x00' + "\\" * 290, decided_by='"' * 60))
    assert world.run(world.order(), limits=LIMITS, ask=person).ending == "not_approved"
    recorded = recorded_on(world.invoice())
    assert recorded is not None
    assert (recorded.reason[:4], recorded.by) == ('"a b', '"' * 60)
    assert world.run(world.order(), limits=LIMITS).ending == "not_approved"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("answer", ["approve", CHANGE, "reject"], ids=["approve", "change", "reject"])
def test_a_fault_where_the_decision_is_written_down(world: World, fault: str, answer: str | Decision) -> None:
    # A run before, so that the next one but looks and asks.
    assert world.run(world.order(), limits=LIMITS).ending == "awaiting_approval"
    world.sandbox.faults.add(operation="update_invoice", **FAULTS[fault])
    run = Run(error=Interrupted())
    while run.error is not None:
        run = world.run(world.order(), limits=LIMITS, ask=says(answer), retries=IMPATIENT)
    assert run.ending.removeprefix("found_") == ("not_approved" if answer == "reject" else "done"), run.reason
    assert charged(world) == (answer != "reject")
    assert (recorded_on(world.invoice()) or pytest.fail("gone")).decision == getattr(answer, "decision", answer)


# Corrections


def test_a_persons_correction_goes_on_top_of_the_orders_own(world: World) -> None:
    own = [{"line": 1, "quantity": 4, "description": "Consulting"}]
    person = says(decision("change", corrections=[{"line": 1, "unit_amount": 14000}]))
    assert world.run(world.order(corrections=own), limits=LIMITS, ask=person).ending == "done"
    assert world.lines(world.invoice()["id"]) == [("Consulting", 4, 56000), ("Mug", 1, 1300)]


def test_a_line_with_a_price_is_corrected_in_its_quantity(world: World) -> None:
    product = world.post("products", name="Licence")["id"]
    price = world.post("prices", product=product, currency="usd", unit_amount=9900)["id"]
    order = world.order(lines=[{"price": price, "quantity": 9}], total=89100)
    person = says(decision("change", corrections=[{"line": 1, "quantity": 5}]))
    assert world.run(order, limits=LIMITS, ask=person).ending == "done"
    assert (world.invoice()["total"], charged(world)) == (49500, 1)
    assert world.run(order, limits=LIMITS).ending == "found_done"


def test_a_change_whose_metadata_somebody_edited_is_not_guessed_at(world: World) -> None:
    def stop(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            edited = '[{"line":1,"quantity":1}]'
            world.post(f"invoices/{world.invoice()['id']}", **{f"metadata[{APPROVAL_CORRECTIONS}]": edited})

    world.run(world.order(settlement="wait"), limits=LIMITS, ask=says(CHANGE), before=stop)
    run = world.run(world.order(), limits=LIMITS)
    assert (run.ending, charged(world)) == ("rejected", 0)
    assert "somebody edited" in run.reason


def test_the_corrected_order_itself_is_the_approved_one(world: World) -> None:
    """As sales sends it again the way that it was approved."""
    stopped = world.run(world.order(), limits=LIMITS, ask=says(CHANGE), after=stop_after_recording())
    assert stopped.error is not None
    lines = [{"description": "Consulting, hours", "quantity": 2, "unit_amount": 15000}]
    lines += [{"description": "Mug", "quantity": 1, "unit_amount": 1300}]
    assert world.run(world.order(lines=lines), limits=LIMITS).ending == "done"
    assert (world.invoice()["total"], charged(world)) == (31300, 1)


def stop_after_recording() -> Callable[[int, Step], None]:
    def stop(number: int, step: Step) -> None:
        if is_recording(step):
            raise Interrupted

    return stop


# What becomes of the invoice meanwhile


def while_waiting(world: World, answer: str | Decision, do: Callable[[str], object], **given: Any) -> Run:
    """Have an order wait, do something to its draft, and have the run begin again with the answer."""
    assert world.run(world.order(**given), limits=LIMITS).ending == "awaiting_approval"
    do(world.invoice()["id"])
    return world.run(world.order(**given), limits=LIMITS, ask=says(answer))


@pytest.mark.parametrize(
    ("answer", "ending", "status"),
    [("approve", "done", "paid"), ("reject", "not_approved", "open"), (CHANGE, "rejected", "open")],
)
def test_finalized_by_hand(world: World, answer: str | Decision, ending: str, status: str) -> None:
    run = while_waiting(world, answer, lambda id_: world.post(f"invoices/{id_}/finalize"))
    assert (run.ending, world.invoice()["status"], charged(world)) == (ending, status, ending == "done")
    if answer == "reject":
        assert world.run(world.order()).ending == "not_approved"
        assert charged(world) == 0


@pytest.mark.parametrize(
    ("answer", "ending"), [("approve", "found_done"), ("reject", "rejected"), (CHANGE, "rejected")]
)
def test_paid_by_hand(world: World, answer: str | Decision, ending: str) -> None:
    def pay(invoice: str) -> None:
        world.post(f"invoices/{invoice}/finalize")
        world.post(f"invoices/{invoice}/pay", paid_out_of_band="true")

    run = while_waiting(world, answer, pay, settlement="paid_out_of_band")
    assert (run.ending, world.invoice()["status"], charged(world)) == (ending, "paid", 0)
    if ending == "rejected":
        assert "came too late" in run.reason


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_voided_by_hand(world: World, answer: str) -> None:
    def void(invoice: str) -> None:
        world.post(f"invoices/{invoice}/finalize")
        world.post(f"invoices/{invoice}/void")

    run = while_waiting(world, answer, void)
    assert (run.ending, world.money["invoices"], charged(world)) == ("rejected", 1, 0)


def test_deleted_by_hand_is_asked_about_anew(world: World) -> None:
    person = says("approve")
    assert world.run(world.order(), limits=LIMITS).ending == "awaiting_approval"
    first = world.invoice()["id"]
    world.delete(f"invoices/{first}")
    heard: list[str] = []

    def ask(question: Question) -> Answer | None:
        heard.append(question.invoice)
        return person(question)

    assert world.run(world.order(), limits=LIMITS, ask=ask).ending == "done"
    assert first not in heard
    assert charged(world) == 1


@pytest.mark.parametrize("step", ["update_invoice", "finalize_invoice"])
def test_deleted_while_it_is_decided_on(world: World, step: str) -> None:
    assert world.run(world.order(), limits=LIMITS).ending == "awaiting_approval"

    def delete(number: int, taken: Step) -> None:
        if taken.operation == step:
            world.delete(f"invoices/{world.invoice()['id']}")

    run = world.run(world.order(), limits=LIMITS, ask=says("approve"), before=delete)
    assert (run.ending, charged(world)) == ("rejected", 0)
    assert "was deleted while it was worked on" in run.reason
    assert world.run(world.order(), limits=LIMITS).ending == "awaiting_approval"


def test_a_copy_of_an_approved_draft_is_not_approved(world: World) -> None:
    world.run(world.order(), limits=LIMITS, ask=says("approve"), after=stop_after_recording())
    approved = world.invoice()
    copied = {f"metadata[{key}]": value for key, value in approved["metadata"].items()}
    world.delete(f"invoices/{approved['id']}")
    world.post("invoices", customer=approved["customer"], currency="usd", **copied)
    assert world.run(world.order(), limits=LIMITS).ending == "awaiting_approval"
    assert charged(world) == 0


def test_an_invoice_in_place_of_a_voided_one_needs_an_approval_of_its_own(world: World) -> None:
    assert approve(world, settlement="wait").ending == "done"
    world.post(f"invoices/{world.invoice()['id']}/void")
    assert world.run(world.order(max_reissues=1), limits=LIMITS).ending == "awaiting_approval"
    assert approve(world, max_reissues=1).ending == "done"
    assert charged(world) == 1


def test_what_was_added_by_hand_after_the_approval_is_not_finalized(world: World) -> None:
    world.run(world.order(), limits=LIMITS, ask=says("approve"), after=stop_after_recording())
    draft = world.invoice()
    world.post("invoiceitems", customer=draft["customer"], invoice=draft["id"], currency="usd", amount=100)
    run = world.run(world.order(), limits=LIMITS)
    assert (run.ending, world.invoice()["status"]) == ("rejected", "draft")


# Other contents


def test_a_program_that_sets_back_whatever_is_set_right_is_told_of_soon(world: World) -> None:
    def thank(number: int, step: Step) -> None:
        if step.operation == "update_invoice" and world.invoice()["status"] == "draft":
            world.post(f"invoices/{world.invoice()['id']}", description="Thank you for your business")

    run = world.run(world.order(), limits=LIMITS, ask=says("approve"), after=thank)
    assert (run.ending, world.invoice()["status"], charged(world)) == ("rejected", "draft", 0)
    assert "is changed again and again" in run.reason
    assert len(run.steps) < 250
    assert approve(world).ending == "done"


def test_other_contents_never_get_into_a_draft_that_was_approved(world: World) -> None:
    """A run that knows it as approved, and stands still before it finalizes it, finds it gone."""
    others: list[Run] = []

    def overtake(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            others.append(world.run(world.order(**OTHER), limits=LIMITS))

    run = world.run(world.order(), limits=LIMITS, ask=says("approve"), before=overtake)
    assert (run.ending, others[0].ending) == ("rejected", "awaiting_approval")
    assert world.invoice()["status"] == "draft"
    assert world.money.get("finalized", 0) == 0
    assert world.run(world.order(**OTHER), limits=LIMITS, ask=says("approve")).ending == "done"
    assert charged(world) == 1


@pytest.mark.parametrize(("answer", "ending"), [("approve", "done"), ("reject", "not_approved")])
def test_finalized_with_other_contents_than_approved_waits_before_it_is_charged(
    world: World, answer: str, ending: str
) -> None:
    """Somebody edits the draft in the very moment between the last look and the finalizing of it."""

    def meddle(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            invoice = world.invoice()
            mug, hours = sorted(world.all(f"invoices/{invoice['id']}/lines"), key=lambda line: line["amount"])
            for line, description in ((mug, "Mug"), (hours, "Llama")):
                item = line["parent"]["invoice_item_details"]["invoice_item"]
                world.post(f"invoiceitems/{item}", description=description)
            other = world.order(lines=renamed).fingerprint
            world.post(f"invoices/{invoice['id']}", **{"metadata[prefect_stripe_fingerprint]": other})

    renamed = [*OTHER["lines"], {"description": "Mug", "unit_amount": 1300}]
    run = world.run(world.order(), limits=LIMITS, ask=says("approve"), before=meddle)
    assert (run.ending, world.invoice()["status"], charged(world)) == ("rejected", "open", 0)
    other = world.order(lines=renamed)
    waiting = world.run(other, limits=LIMITS)
    assert (waiting.ending, charged(world)) == ("awaiting_approval", 0)
    assert "was finalized otherwise" in waiting.reason
    assert world.run(other, limits=LIMITS, ask=says(answer)).ending == ending
    assert charged(world) == (answer == "approve")
