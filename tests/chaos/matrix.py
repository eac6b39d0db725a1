"""Spreads the cases over processes, each with a sandbox and a nursery of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, TypeVar

from tests.chaos.cases import Case, Result, try_out
from tests.chaos.ground import LIFECYCLES, Ground, new_world
from tests.chaos.kills import nursery, run_order
from tests.chaos.schedules import go_through, path_of, schedule_of

T = TypeVar("T")
R = TypeVar("R")

Path = tuple[str, str]

SCHEDULES_AT_ONCE: Final = 20


class Tester:
    """What a process needs to try cases out: a sandbox, a nursery, and the paths it has gone before."""

    def __init__(self, stack: ExitStack) -> None:
        # Before the sandbox, which is a thread.
        self.nursery = stack.enter_context(nursery(run_order))
        self.world = stack.enter_context(new_world())
        self._grounds: dict[Path, Ground] = {}

    def ground(self, lifecycle: str, path: str) -> Ground:
        """Return where a path is gone; the undisturbed run is made once."""
        if (lifecycle, path) not in self._grounds:
            self._grounds[lifecycle, path] = Ground(lifecycle, path, self.world)
        return self._grounds[lifecycle, path]

    def try_out(self, case: Case) -> Result:
        """Try out one case."""
        return try_out(case, self.ground(case.lifecycle, case.path), self.nursery)

    def count(self, path: Path) -> int:
        """Say how many exchanges a path has."""
        return len(self.ground(*path).operations)

    def schedule(self, seed: int, number: int) -> Disturbed:
        """Go through one schedule."""
        ground = self.ground(*path_of(seed, number))
        schedule = schedule_of(seed, number, len(ground.operations))
        return Disturbed(str(schedule), schedule.told(), go_through(schedule, ground), len(schedule.troubles))


@dataclass(frozen=True)
class Disturbed:
    """What became of a schedule."""

    name: str
    told: str
    problems: tuple[str, ...]
    troubles: int


PATHS_OF_ALL: Final[Sequence[Path]] = tuple(
    (lifecycle, path) for lifecycle, paths in LIFECYCLES.items() for path in paths
)


class Testers:
    """Processes that try out cases, side by side."""

    def __init__(self, processes: int) -> None:
        self._pool = multiprocessing.get_context("fork").Pool(processes, _begin)

    def __enter__(self) -> Testers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def counts(self, paths: Sequence[Path]) -> dict[Path, int]:
        """Say how many exchanges each path has."""
        return dict(zip(paths, self._pool.map(_count, paths, chunksize=1), strict=True))

    def results(self, cases: Iterable[Case]) -> Iterator[Result]:
        """Try out cases; in no order."""
        return self._spread(_try_out, cases, chunksize=13)

    def schedules(self, seed: int, numbers: Iterable[int]) -> Iterator[Disturbed]:
        """Go through schedules; in no order."""
        return self._spread(_schedule, ((seed, number) for number in numbers), chunksize=SCHEDULES_AT_ONCE)

    def _spread(self, work: Callable[[T], R], items: Iterable[T], chunksize: int) -> Iterator[R]:
        return self._pool.imap_unordered(work, items, chunksize)


_stack = ExitStack()
_testers: list[Tester] = []


def _begin() -> None:
    _testers.append(Tester(_stack))


def _count(path: Path) -> int:
    return _testers[0].count(path)


def _try_out(case: Case) -> Result:
    return _testers[0].try_out(case)


def _schedule(drawn: tuple[int, int]) -> Disturbed:
    return _testers[0].schedule(*drawn)
