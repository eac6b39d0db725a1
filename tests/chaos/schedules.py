"""Random schedules of several troubles at once, each drawn from a seed and its number alone."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tests.chaos.cases import changed_by_another_run
from tests.chaos.ground import IMPATIENT, LIFECYCLES, PATIENT, Ground
from tests.chaos.recoveries import AT_LEAST_ONCE
from tests.chaos.troubles import TROUBLES
from tests.flows.world import AnyOrder, Interrupted

MOST_TROUBLES: Final = 6
MOST_RUNS: Final = 5


@dataclass(frozen=True)
class Planned:
    """One run of a schedule.

    Attributes:
        patient: Whether the client tries again.
        tries: How often a step is tried.
        dies_after: The exchange after which it is gone, counted from the schedule's beginning; None where it is not.
        overtaken_after: The exchange after which it stands still, until the runs after it have ended.
        gap: What time goes by before it.
    """

    patient: bool
    tries: int
    dies_after: int | None
    overtaken_after: int | None
    gap: timedelta


@dataclass(frozen=True)
class Schedule:
    """Troubles by the exchange that they hit, and the runs that meet them."""

    seed: int
    number: int
    lifecycle: str
    path: str
    troubles: tuple[tuple[int, str], ...]
    runs: tuple[Planned, ...]
    search_lag: float

    def __str__(self) -> str:
        return f"{self.seed}:{self.number}"

    def told(self) -> str:
        """Say in full what it does."""
        runs = "; ".join(str(run) for run in self.runs)
        return f"{self.lifecycle} | {self.path} | {dict(self.troubles)} | search lags {self.search_lag} s | {runs}"


def path_of(seed: int, number: int) -> tuple[str, str]:
    """Draw the path of a schedule."""
    draw = random.Random(f"path {seed}:{number}")
    return draw.choice([(lifecycle, path) for lifecycle, paths in LIFECYCLES.items() for path in paths])


def schedule_of(seed: int, number: int, exchanges: int) -> Schedule:
    """Draw a schedule.

    Args:
        seed: The seed.
        number: Which one.
        exchanges: How many exchanges the path has undisturbed.
    """
    draw = random.Random(f"{seed}:{number}")
    lifecycle, path = path_of(seed, number)
    span = range(1, 2 * exchanges + 2)
    hit = draw.sample(span, min(draw.randint(2, MOST_TROUBLES), len(span)))
    runs: list[Planned] = []
    passed = False
    for _ in range(draw.randint(1, MOST_RUNS)):
        fate = draw.random()
        at = draw.choice(span)
        # A run that stands still for a whole day is another promise, with conditions of its own.
        day = not passed and not any(run.overtaken_after for run in runs) and draw.random() < 0.15
        passed = passed or day
        gap = timedelta(hours=25) if day else timedelta(seconds=draw.choice([0, 0, 0, 5, 61]))
        runs.append(
            Planned(
                draw.random() < 0.5,
                draw.choice([1, 1, 3]),
                at if fate < 0.35 else None,
                at if 0.35 <= fate < 0.6 else None,
                gap,
            )
        )
    return Schedule(
        seed,
        number,
        lifecycle,
        path,
        tuple(sorted((place, draw.choice(list(TROUBLES))) for place in hit)),
        tuple(runs),
        draw.choice([0.0, 0.0, 0.0, 60.0]),
    )


def go_through(schedule: Schedule, ground: Ground) -> tuple[str, ...]:
    """Go through a schedule, then run it undisturbed to its end, and say what did not hold."""
    try:
        return tuple(_go_through(schedule, ground))
    except Exception:  # noqa: BLE001 - a schedule that breaks the machinery is one that did not hold
        return (traceback.format_exc(limit=-4),)


def _go_through(schedule: Schedule, ground: Ground) -> list[str]:
    order = ground.begin()
    ground.sandbox.search_lag = schedule.search_lag
    for place, trouble in schedule.troubles:
        TROUBLES[trouble].plan(ground.sandbox.faults, ground.number(place))
    _run(ground, order, schedule.runs)
    ground.sandbox.faults.clear()
    ground.rest()
    run, _ = ground.settle(order)
    if run.outcome is None:
        return [f"it does not come to an end: {run.error!r}"]
    later = any(run.gap > timedelta(hours=24) for run in schedule.runs)
    allowed = _tolerated(schedule, ground, later=later)
    problems = ground.judge(run.ending, allowed, later=later)
    if problems and run.reason:
        problems.append(f"it said: {run.reason}")
    return problems + changed_by_another_run(ground, order, ground.path.again or run.ending)


def _run(ground: Ground, order: AnyOrder, runs: tuple[Planned, ...]) -> None:
    for place, planned in enumerate(runs):
        rest = runs[place + 1 :]
        stood = False

        def after(planned: Planned = planned, rest: tuple[Planned, ...] = rest) -> None:
            nonlocal stood
            if planned.dies_after is not None and ground.exchanges >= planned.dies_after:
                raise Interrupted
            if planned.overtaken_after is not None and ground.exchanges >= planned.overtaken_after and not stood:
                stood = True
                _run(ground, order, rest)

        if planned.gap > timedelta(hours=1):
            # Nothing is worked on for so long: what is, has ended by then.
            ground.rest()
        ground.sandbox.clock.advance(planned.gap)
        quick = any(fault.kind in {"hang", "delay", "drip"} for fault in ground.sandbox.faults.planned)
        ground.go(order, PATIENT if planned.patient else IMPATIENT, tries=planned.tries, quick=quick, after=after)
        if stood:
            return


def _tolerated(schedule: Schedule, ground: Ground, *, later: bool) -> dict[str, int]:
    """Return how often more a thing may have been done that is done at least once: by what hit it, or by a lost day."""
    hit = [one.operation for one in ground.sandbox.ledger.exchanges if one.fault == "error after"]
    return {row.kind: hit.count(row.done_by) + later for row in AT_LEAST_ONCE}
