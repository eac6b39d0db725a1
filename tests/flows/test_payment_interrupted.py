"""Every way a payment can go, interrupted at every step in every manner, and run again: it ends as if nothing had been.

One PaymentIntent, at most one successful charge or authorisation, captured to the cent, by the sandbox's ledger.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefect_stripe.client import RetryPolicy
from prefect_stripe.flows.process import Step
from tests.flows.interruptions import FAULTS, Case
from tests.flows.payment_paths import PAYMENT_PATHS
from tests.flows.world import IMPATIENT, PATIENT, Interrupted, World

THOROUGH = (
    "declined three times",
    "increased and captured in part",
    "held, then canceled",
    "microdeposits by amounts",
    "wrong microdeposits",
    "transferred, and applied by hand",
)
"""Paths that between them have every write there is: on these every fault is tried, on the others the worst."""


@pytest.fixture(params=PAYMENT_PATHS)
def case(world: World, request: pytest.FixtureRequest) -> Case:
    return Case(world, PAYMENT_PATHS[request.param])


@pytest.fixture(params=THOROUGH)
def thorough(world: World, request: pytest.FixtureRequest) -> Case:
    return Case(world, PAYMENT_PATHS[request.param])


def test_a_crash_before_and_after_any_write(case: Case) -> None:
    for place, _ in case.writes:
        case.crash_around(place, before=True)
        case.crash_around(place)


def test_a_crash_after_every_write(case: Case) -> None:
    case.crash_after_every_write()


def test_a_day_between_a_crash_and_the_next_run(world: World, case: Case) -> None:
    """Every idempotency key is forgotten by then: only what is read can hold."""
    for place, done in case.writes:
        order, _ = case.begin()

        def crash(number: int, step: Step, place: int = place) -> None:
            if number == place:
                raise Interrupted

        assert world.run(order, after=crash).error is not None
        world.sandbox.clock.advance(timedelta(hours=25))
        case.check(world.run(order), f"a day after {done.label}", "attached")


@pytest.mark.parametrize("name", [name for name in PAYMENT_PATHS if name not in THOROUGH])
def test_an_answer_lost_at_any_write(world: World, name: str) -> None:
    case = Case(world, PAYMENT_PATHS[name])
    for place, _ in case.writes:
        case.fault_at(place, "answer lost", IMPATIENT)


@pytest.mark.parametrize("fault", FAULTS)
def test_any_fault_at_any_exchange(thorough: Case, fault: str) -> None:
    for place, _ in enumerate(thorough.steps):
        thorough.fault_at(place, fault, PATIENT)
        thorough.fault_at(place, fault, IMPATIENT)


@pytest.mark.parametrize("retries", [PATIENT, IMPATIENT], ids=["retried", "run again"])
def test_every_read_lost_once(case: Case, retries: RetryPolicy) -> None:
    case.every_read_lost_once(retries)
