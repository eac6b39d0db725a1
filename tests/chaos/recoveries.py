"""How an order is got over a trouble, a row each; and what cannot be done but at least once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.chaos.ground import IMPATIENT, PATIENT, Ground
from tests.flows.world import AnyOrder, Interrupted, Run


@dataclass(frozen=True)
class Recovery:
    """One row.

    Attributes:
        run: What is run, given the ground, the order, the place of the exchange that is hit, and whether a client has
            to be quick. It returns the last run.
        told: How it is done here, by the plain driver.
        later: Whether a day goes by.
    """

    run: Callable[[Ground, AnyOrder, int, bool], Run]
    told: str
    later: bool = False


def _transport_retry(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    return ground.go(order, PATIENT, quick=quick)


def _task_retry(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    return ground.go(order, IMPATIENT, tries=3, quick=quick)


def _flow_retry(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    run = ground.go(order, IMPATIENT, quick=quick)
    return ground.go(order) if run.error is not None else run


def _picked_up(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    """The first one is taken for dead with its answer still to come: it hears of it when all is over."""
    return _overtaken(ground, order, quick, lambda: ground.exchanges >= place, after=True)


def _picked_up_before(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    """The first one is taken for dead right before it asks: it asks when all is over, and is then hit."""
    return _overtaken(ground, order, quick, lambda: ground.exchanges >= place - 1, after=False)


def _overtaken(ground: Ground, order: AnyOrder, quick: bool, now: Callable[[], bool], *, after: bool) -> Run:
    others: list[Run] = []

    def overtake() -> None:
        if now() and not others:
            others.append(Run())
            others[0] = ground.go(order, quick=quick)

    first = ground.go(order, quick=quick, after=overtake) if after else ground.go(order, quick=quick, before=overtake)
    return first if first.error is not None or others[0].error is None else others[0]


def _died(ground: Ground, order: AnyOrder, place: int, quick: bool) -> None:
    """Run up to where the exchange was hit, and no further: nothing is made of what came of it."""

    def die() -> None:
        if ground.exchanges >= place:
            raise Interrupted

    ground.go(order, IMPATIENT, quick=quick, after=die)


def _new_run(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    _died(ground, order, place, quick)
    return ground.go(order)


def _next_day(ground: Ground, order: AnyOrder, place: int, quick: bool) -> Run:
    _died(ground, order, place, quick)
    ground.rest()
    ground.pass_a_day()
    return ground.go(order)


RECOVERIES: Final[Mapping[str, Recovery]] = {
    "transport retry": Recovery(_transport_retry, "the client tries again, with the same key"),
    "task retry": Recovery(_task_retry, "the client gives up at once, and the step is tried again, at most twice"),
    "flow retry": Recovery(_flow_retry, "nothing is tried again, and the whole process is run once more if it failed"),
    "picked up": Recovery(
        _picked_up, "another worker runs it all while the first waits for the answer, and the first then goes on"
    ),
    "picked up before": Recovery(
        _picked_up_before, "another worker runs it all before the first sends, which then sends, is hit, and goes on"
    ),
    "new run": Recovery(_new_run, "the first is gone, whatever came of its exchange; the process is run again"),
    "25 hours later": Recovery(_next_day, "the same, after 25 hours by the sandbox's clock", later=True),
}

KILL_RECOVERIES: Final = ("new run", "25 hours later")


@dataclass(frozen=True)
class AtLeastOnce:
    """What leaves nothing at Stripe to be found again by, so that one more of it is no finding.

    Attributes:
        kind: As the ledger's counts name it.
        done_by: The write that does it.
        reason: Why it cannot hold.
        until: The writes up to which a crash leaves it unknown that it was done; any, where there is none.
    """

    kind: str
    done_by: str
    reason: str
    until: frozenset[str] = frozenset()


AT_LEAST_ONCE: Final = (
    AtLeastOnce(
        "e-mails",
        "send_invoice",
        "Stripe keeps no record of a sending. It is done again where Stripe sent and answered that it failed, or where "
        "the run was lost before it noted the sending and the key is forgotten.",
        frozenset({"send_invoice", "update_invoice"}),
    ),
    AtLeastOnce(
        "attached",
        "attach_payment_method",
        "Attaching a test payment method (pm_card_visa) makes a new one each time, which is found again by the key "
        "alone. Real ones are attached once.",
    ),
)


def tolerated(operation: str, trouble: str, *, later: bool) -> dict[str, int]:
    """Return what may have been done once more than once, by a trouble at an operation."""
    return {
        row.kind: 1
        for row in AT_LEAST_ONCE
        if (trouble == "500 after commit" and operation == row.done_by)
        or (later and (not row.until or operation in row.until))
    }
