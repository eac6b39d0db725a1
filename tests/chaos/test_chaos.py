"""A short cut through the matrix, as `make chaos` goes it; and that it finds what it is for."""

from __future__ import annotations

import itertools
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from prefect_stripe.flows import business
from prefect_stripe.flows.business import Business
from prefect_stripe.flows.invoice_process import InvoiceWork
from prefect_stripe.flows.payment_process import PaymentWork
from prefect_stripe.flows.process import Process
from tests.chaos.cases import COMBINATIONS, Case, cases_at, try_out
from tests.chaos.ground import Ground, new_world
from tests.chaos.report import command
from tests.chaos.schedules import schedule_of
from tests.flows.world import World

SECONDS = 500


def chaos(*arguments: str) -> str:
    """Run it as a user does, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_sample_of_the_matrix_and_of_the_schedules_holds() -> None:
    said = chaos("tests.chaos", "--sample", "300", "--schedules", "40", "--prefect-cases", "0", "--processes", "2")
    assert "300 cases, 0 of which did not hold; 40 random schedules" in said


def test_a_sample_on_a_prefect_server_holds() -> None:
    assert "4 of " in chaos("tests.chaos.in_prefect", "--sample", "4")


@pytest.fixture(scope="module")
def own_world() -> Iterator[World]:
    with new_world() as world:
        yield world


@pytest.mark.parametrize(
    "found",
    [
        # Another worker had gone all the way with the draft, and voided it: the first made a second one.
        "invoice | voided | 7 | 500 after commit | picked up",
        "invoice | declined, voided | 7 | 500 after commit | picked up",
    ],
)
def test_what_the_matrix_found_holds_since(own_world: World, found: str) -> None:
    case = Case.parse(found)
    result = try_out(case, Ground(case.lifecycle, case.path, own_world))
    assert (result.operation, result.problems) == ("create_invoice", ())


# It would find what is wrong


Break = Callable[[pytest.MonkeyPatch], None]


def keys_of_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write is another one, whoever does it."""
    number = itertools.count()

    def new_key(*_: object) -> str:
        return f"key-{next(number)}"

    monkeypatch.setattr(business, "business_write_key", new_key)


def nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun before is not seen."""

    def nothing(*_: object) -> Process[list[object]]:
        yield from ()
        return []

    monkeypatch.setattr(InvoiceWork, "_own", nothing)
    monkeypatch.setattr(PaymentWork, "_own", nothing)


def keys_of_one_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored failure is for ever."""
    monkeypatch.setattr(business, "MOST_GENERATIONS", 1)


def answers_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is taken for having done nothing: the next attempt is made without another look."""
    plain = Business.write

    def write(self: Business, *given: object, **how: object) -> object:
        def look(_: object) -> Process[None]:
            yield from ()

        return plain(self, *given, **{**how, "look": look})  # type: ignore[arg-type]

    monkeypatch.setattr(Business, "write", write)


@pytest.mark.parametrize(
    ("broken", "lifecycle", "path", "operation", "trouble", "recovery"),
    [
        (keys_of_no_order, "invoice", "paid", "create_invoice", "reset before", "picked up before"),
        (keys_of_no_order, "payment", "paid", "create_payment_intent", "reset before", "picked up before"),
        (nothing_is_looked_for, "invoice", "paid", "create_invoice", "answer lost after commit", "25 hours later"),
        (nothing_is_looked_for, "payment", "paid", "create_payment_intent", "truncated body", "25 hours later"),
        (keys_of_one_generation, "invoice", "paid", "finalize_invoice", "500 before", "new run"),
        (answers_are_believed, "invoice", "paid", "pay_invoice", "500 after commit", "transport retry"),
        (answers_are_believed, "payment", "captured", "confirm_payment_intent", "500 after commit", "transport retry"),
    ],
)
def test_it_finds_what_is_broken(
    own_world: World,
    monkeypatch: pytest.MonkeyPatch,
    broken: Break,
    lifecycle: str,
    path: str,
    operation: str,
    trouble: str,
    recovery: str,
) -> None:
    ground = Ground(lifecycle, path, own_world)
    case = Case(lifecycle, path, ground.operations.index(operation) + 1, trouble, recovery)
    assert not try_out(case, ground).problems
    broken(monkeypatch)
    assert try_out(case, ground).problems


# What is said of a case is enough to see it again


def test_a_case_can_be_read_as_it_is_written() -> None:
    cases = list(cases_at("invoice", "declined on attaching, voided", 3))
    assert [Case.parse(str(case)) for case in cases] == cases
    assert len(set(map(str, cases))) == len(COMBINATIONS)
    for wrong in (
        "",
        "invoice | paid | 1 | 429",
        "invoice | paid | 1 | 429 | luck",
        "invoice | no | 1 | 429 | new run",
    ):
        with pytest.raises(ValueError, match="case"):
            Case.parse(wrong)


@pytest.mark.parametrize("path", ["paid", "paid by the customer's default"])
def test_a_shell_takes_a_command_as_it_is_meant(path: str) -> None:
    case = str(Case("invoice", path, 1, "429", "new run"))
    name, _, given = shlex.split(command("--case", case))[2].partition("=")
    assert (name, shlex.split(given)) == ("CHAOS_ARGS", ["--case", case])


def test_a_schedule_is_the_same_each_time_that_it_is_drawn() -> None:
    drawn = [schedule_of(7, number, 12) for number in range(50)]
    assert drawn == [schedule_of(7, number, 12) for number in range(50)]
    assert len({str(schedule.troubles) for schedule in drawn}) > 40
    assert drawn != [schedule_of(8, number, 12) for number in range(50)]
