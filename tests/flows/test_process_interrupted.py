"""Every way an order can go, interrupted at every step in every manner, and run again: it ends as if nothing had been.

One invoice, each line once, at most one successful charge, by the sandbox's ledger.
"""

from __future__ import annotations

import pytest

from prefect_stripe.client import RetryPolicy
from tests.flows.interruptions import FAULTS, Case
from tests.flows.paths import PATHS
from tests.flows.world import IMPATIENT, PATIENT, World

THOROUGH = (
    "paid",
    "approved",
    "corrected",
    "declined three times",
    "declined on attaching, voided",
    "a bank debit",
    "sent, paid elsewhere",
    "a draft that said something else",
    "voided by a person, reissued",
)
"""Paths that between them have every write there is: on these every fault is tried, on the others the worst."""


@pytest.fixture(params=[name for name in PATHS if name != "many lines"])
def case(world: World, request: pytest.FixtureRequest) -> Case:
    return Case(world, PATHS[request.param])


@pytest.fixture(params=THOROUGH)
def thorough(world: World, request: pytest.FixtureRequest) -> Case:
    return Case(world, PATHS[request.param])


def test_a_crash_after_any_write(case: Case) -> None:
    """Also before any step, and after any read: what is at Stripe then is what is there after the write before it."""
    for place, _ in case.writes:
        case.crash_around(place)


def test_a_crash_after_every_write(case: Case) -> None:
    case.crash_after_every_write()


@pytest.mark.parametrize("name", [name for name in PATHS if name not in (*THOROUGH, "many lines")])
def test_an_answer_lost_at_any_write(world: World, name: str) -> None:
    case = Case(world, PATHS[name])
    for place, _ in case.writes:
        case.fault_at(place, "answer lost", IMPATIENT)


@pytest.mark.parametrize("fault", FAULTS)
def test_any_fault_at_any_write(thorough: Case, fault: str) -> None:
    for number, (place, _) in enumerate(thorough.writes):
        # What can leave something half done is tried everywhere; what cannot, here or there.
        if fault in ("answer lost", "kept 500, all done"):
            thorough.fault_at(place, fault, PATIENT)
            thorough.fault_at(place, fault, IMPATIENT)
        elif number % 3 == len(fault) % 3:
            thorough.fault_at(place, fault, PATIENT)


@pytest.mark.parametrize("retries", [PATIENT, IMPATIENT], ids=["retried", "run again"])
def test_every_read_lost_once(case: Case, retries: RetryPolicy) -> None:
    case.every_read_lost_once(retries)
