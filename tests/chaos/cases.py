"""One case of the matrix: a path, one of its exchanges, what goes wrong there, and how it is got over."""

from __future__ import annotations

import traceback
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from tests.chaos.ground import LIFECYCLES, Ground
from tests.chaos.kills import NotHitError, Nursery, await_exchange
from tests.chaos.recoveries import KILL_RECOVERIES, RECOVERIES, tolerated
from tests.chaos.troubles import KILLS, TROUBLES
from tests.flows.world import AnyOrder, Run

SEPARATOR: Final = " | "

MOST_TRIES: Final = 5
"""How often a case is begun that does not come about, as a machine that has much else to do makes it."""


@dataclass(frozen=True)
class Case:
    """One case; as text, what `--case` takes."""

    lifecycle: str
    path: str
    place: int
    trouble: str
    recovery: str

    def __str__(self) -> str:
        return SEPARATOR.join([self.lifecycle, self.path, str(self.place), self.trouble, self.recovery])

    @classmethod
    def parse(cls, text: str, combinations: Container[tuple[str, str]] | None = None) -> Case:
        """Read a case as it is written, of these combinations or of the matrix's.

        Raises:
            ValueError: There is none like it.
        """
        parts = [part.strip() for part in text.split("|")]
        if len(parts) != 5 or not parts[2].isdecimal():
            raise ValueError(f"a case is written 'lifecycle | path | exchange | trouble | recovery', not {text!r}")
        known = COMBINATIONS if combinations is None else combinations
        case = cls(parts[0], parts[1], int(parts[2]), parts[3], parts[4])
        if case.path not in LIFECYCLES.get(case.lifecycle, {}) or (case.trouble, case.recovery) not in known:
            raise ValueError(f"there is no case {text!r}")
        return case


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes:
        case: The case.
        operation: What the exchange that was hit asked for.
        problems: What did not hold.
        runs: How many more runs it took than the recovery itself.
        again: What was done once more than once, and is named as such.
    """

    case: Case
    operation: str
    problems: tuple[str, ...] = ()
    runs: int = 0
    again: tuple[str, ...] = ()


COMBINATIONS: Final = (
    *((trouble, recovery) for trouble in TROUBLES for recovery in RECOVERIES),
    *((kill, recovery) for kill in KILLS for recovery in KILL_RECOVERIES),
)
"""Each trouble with each way to get over it."""


def cases_at(lifecycle: str, path: str, place: int) -> Iterator[Case]:
    """Every case of one exchange."""
    for trouble, recovery in COMBINATIONS:
        yield Case(lifecycle, path, place, trouble, recovery)


def try_out(case: Case, ground: Ground, nursery: Nursery | None = None) -> Result:
    """Go the path, have it disturbed and recovered, and judge; then run it again, which must change nothing.

    Args:
        case: The case.
        ground: Where its path is gone.
        nursery: Where the workers come from that are killed; not needed for what kills none.
    """
    if not 1 <= case.place <= len(ground.operations):
        return Result(case, "", (f"there is no such exchange, but {len(ground.operations)}",))
    operation = ground.operations[case.place - 1]
    missed: Exception | None = None
    for _ in range(MOST_TRIES):
        try:
            return _try_out(case, ground, nursery, operation)
        except NotHitError as error:
            missed = error
        except Exception:  # noqa: BLE001 - a case that breaks the machinery is one that did not hold
            return Result(case, operation, (traceback.format_exc(limit=-4),))
    return Result(case, operation, (f"not tried, {MOST_TRIES} times: {missed}",))


def _try_out(case: Case, ground: Ground, nursery: Nursery | None, operation: str) -> Result:
    order, later = ground.begin(), RECOVERIES[case.recovery].later
    number = ground.number(case.place)
    if case.trouble in KILLS:
        assert nursery is not None, "who is to be killed comes from a nursery"
        run = _killed(case, ground, nursery, order, number)
    else:
        trouble = TROUBLES[case.trouble]
        trouble.plan(ground.sandbox.faults, number)
        run = RECOVERIES[case.recovery].run(ground, order, case.place, trouble.slow)
    ground.rest()
    met = any(one.fault and one.number == number for one in ground.sandbox.ledger.exchanges)
    runs = 0
    if run.error is not None or asks_for_another(run):
        run, runs = ground.settle(order)
    if run.outcome is None:
        return Result(case, operation, (f"it does not come to an end: {run.error!r}",), runs)
    allowed = tolerated(operation, case.trouble, later=later)
    problems = ground.judge(run.ending, allowed, later=later)
    if problems and run.reason:
        problems.append(f"it said: {run.reason}")
    again = tuple(kind for kind in allowed if ground.world.money.get(kind, 0) > ground.path.money.get(kind, 0))
    problems += changed_by_another_run(ground, order, ground.path.again or run.ending)
    if not met and not problems:
        raise NotHitError("the exchange was never hit")
    return Result(case, operation, tuple(problems), runs, again)


def asks_for_another(run: Run) -> bool:
    """Say whether a run that another one overtook found that out, and says that a new one should judge."""
    return run.outcome is not None and run.ending == "rejected" and "run it again" in run.reason


def changed_by_another_run(ground: Ground, order: AnyOrder, ending: str) -> list[str]:
    """Run it once more, undisturbed, and say what that changed."""
    effects = ground.world.effects
    run = ground.go(order)
    if run.outcome is None:
        return [f"another run failed: {run.error!r}"]
    more = [effect.kind for effect in ground.sandbox.ledger.effects[effects:]]
    problems = [f"another run did more: {', '.join(more)}"] if more else []
    if run.ending.replace("found_done", "done") != ending.replace("found_done", "done"):
        problems.append(f"another run ended {run.ending}, and this one {ending}")
    return problems


def _killed(case: Case, ground: Ground, nursery: Nursery, order: AnyOrder, number: int) -> Run:
    kill = KILLS[case.trouble]
    kill.plan(ground.sandbox.faults, number)
    worker = nursery.start(order, ground.sandbox.url, ground.sandbox.api_key)
    try:
        await_exchange(ground.sandbox, number, recorded=kill.kind == "hang")
    finally:
        # Says so where it had ended by itself: in another minute than the run before it, it may need fewer exchanges.
        nursery.kill(worker)
    if RECOVERIES[case.recovery].later:
        ground.rest()
        ground.pass_a_day()
    return ground.go(order)
