"""What a call costs: our client, the official SDK and bare transports, against one local server that answers at once.

    python benchmarks/bench_client.py [--rounds 9] [--seconds 0.5]

Prints, as Markdown, microseconds of CPU a call and calls a second, sync and async, at 1, 8, 32 and 100 in flight; the
same where each answer takes 20 ms, so that there is something to gain by asking for several at once; then microseconds
of CPU an object of a list of 10,000; then each target and whether it was met. All contenders take turns,
there and back, so that a machine's moods hit all alike: the ratios count, not the figures. A turn is as long for each:
of few calls, what is measured is how they start, and where the machine has put them. A figure is the median of its
rounds, and a ratio the median of what it was in each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from contenders import OURS, SDK, TRANSPORTS, AsyncCall, SyncCall, async_calls, listings, sync_calls

IN_FLIGHT = (1, 8, 32, 100)
OBJECTS = 10_000
LATE = 0.02
"""Seconds: less than Stripe takes, and more than any client."""
STEADY = 0.9
"""A rate that is at least this part of another is no fall: runs differ by as much."""


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU a call, and calls a second."""

    cpu: float
    rate: float


Costs = Mapping[str, Mapping[int, list[Cost]]]
"""Of each round, by contender, then by how many are in flight."""


@contextlib.contextmanager
def instant_server(seconds: float = 0) -> Generator[str]:
    """Start the server in a process of its own, so that its CPU is not counted."""
    path = Path(__file__).with_name("instant_server.py")
    with subprocess.Popen([sys.executable, str(path), str(seconds)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


class Stopwatch:
    """Measures from its making."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def cost(self, calls: int) -> Cost:
        """What each of so many calls has cost since."""
        return Cost((time.process_time() - self.cpu) / calls * 1e6, calls / (time.perf_counter() - self.wall))


def measure_sync(call: SyncCall, in_flight: int, seconds: float) -> Cost:
    """Measure, each in a thread of its own; the first calls only make connections."""

    def several(number: int) -> None:
        for _ in range(number):
            call()

    def until(end: float) -> int:
        number = 0
        while time.perf_counter() < end:
            call()
            number += 1
        return number

    with ThreadPoolExecutor(in_flight) as threads:
        list(threads.map(several, [2] * in_flight))
        watch = Stopwatch()
        return watch.cost(sum(threads.map(until, [watch.wall + seconds] * in_flight)))


async def measure_async(call: AsyncCall, in_flight: int, seconds: float) -> Cost:
    """Measure, each in a task of its own; the first calls only make connections."""

    async def several(number: int) -> None:
        for _ in range(number):
            await call()

    async def until(end: float) -> int:
        number = 0
        while time.perf_counter() < end:
            await call()
            number += 1
        return number

    await asyncio.gather(*(several(2) for _ in range(in_flight)))
    watch = Stopwatch()
    return watch.cost(sum(await asyncio.gather(*(until(watch.wall + seconds) for _ in range(in_flight)))))


def all_sync(base: str, rounds: int, seconds: float) -> Costs:
    """Measure every sync contender."""
    contenders = sync_calls(base)
    costs: dict[str, dict[int, list[Cost]]] = {name: {n: [] for n in IN_FLIGHT} for name in contenders}
    for turn in range(rounds):
        for n in IN_FLIGHT:
            for name in _in_turn(contenders, turn):
                costs[name][n].append(measure_sync(contenders[name], n, seconds))
    return costs


def all_async(base: str, rounds: int, seconds: float) -> Costs:
    """Measure every async contender."""
    return asyncio.run(_all_async(base, rounds, seconds))


async def _all_async(base: str, rounds: int, seconds: float) -> Costs:
    async with contextlib.AsyncExitStack() as stack:
        contenders = async_calls(base, stack)
        costs: dict[str, dict[int, list[Cost]]] = {name: {n: [] for n in IN_FLIGHT} for name in contenders}
        for turn in range(rounds):
            for n in IN_FLIGHT:
                for name in _in_turn(contenders, turn):
                    costs[name][n].append(await measure_async(contenders[name], n, seconds))
        return costs


def _in_turn(names: Iterable[str], turn: int) -> list[str]:
    return list(names)[:: -1 if turn % 2 else 1]


def all_listings(base: str, rounds: int) -> dict[str, float]:
    """Measure microseconds of CPU an object of a list."""
    measured: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, walk in listings(base).items():
            watch = Stopwatch()
            count = walk()
            assert count == OBJECTS, f"{name} listed {count}"
            measured.setdefault(name, []).append(watch.cost(count).cpu)
    return {name: min(costs) for name, costs in measured.items()}


def _times(these: Sequence[float], those: Sequence[float]) -> float:
    """How many times those these are: the median of all rounds."""
    return median(one / other for one, other in zip(these, those, strict=True))


Target = tuple[str, float, str, bool]
"""What was measured, how much it was, what was wanted, and whether it was met."""


def cost_targets(mode: str, costs: Costs) -> Iterator[Target]:
    """What a call may cost."""
    cpu = {name: {n: [cost.cpu for cost in by[n]] for n in IN_FLIGHT} for name, by in costs.items()}
    for n in IN_FLIGHT:
        floor = [min(each) for each in zip(*(cpu[name][n] for name in TRANSPORTS if name in cpu), strict=True)]
        ratio = _times(cpu[OURS][n], floor)
        yield f"{mode}, {n} in flight: CPU, x the best transport's", ratio, "≤ 1.25", ratio <= 1.25
    for n, wanted in ((1, 3), (32, 4)):
        ratio = _times(cpu[SDK][n], cpu[OURS][n])
        yield f"{mode}, {n} in flight: {SDK}'s CPU, x ours", ratio, f"≥ {wanted}", ratio >= wanted


def rate_targets(mode: str, costs: Costs) -> Iterator[Target]:
    """No fall as connections grow."""
    rates = {n: [cost.rate for cost in costs[OURS][n]] for n in IN_FLIGHT}
    for fewer, more in pairwise(IN_FLIGHT):
        ratio = _times(rates[more], rates[fewer])
        yield f"{mode}, {more} in flight: calls a second, x those at {fewer}", ratio, f"≥ {STEADY}", ratio >= STEADY


def print_costs(mode: str, costs: Costs) -> None:
    """Print a table of one way to call."""
    _row(f"retrieve, {mode}: µs CPU (calls/s)", *(f"{n} in flight" for n in IN_FLIGHT))
    _row("---", *["---:"] * len(IN_FLIGHT))
    for name, by in costs.items():
        figures = ((median(one.cpu for one in rounds), median(one.rate for one in rounds)) for rounds in by.values())
        _row(name, *(f"{cpu:,.0f} ({rate:,.0f})" for cpu, rate in figures))
    print()


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="turns that each contender takes (default: 9)")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each turn lasts (default: 0.5)")
    options = parser.parse_args()
    judged: list[Target] = []
    with instant_server() as base:
        for mode, measure in (("sync", all_sync), ("async", all_async)):
            costs = measure(base, options.rounds, options.seconds)
            print_costs(mode, costs)
            judged += [*cost_targets(mode, costs), *rate_targets(mode, costs)]
        objects = all_listings(base, options.rounds)
    with instant_server(LATE) as base:
        for mode, measure in (("sync", all_sync), ("async", all_async)):
            costs = measure(base, options.rounds, options.seconds)
            print_costs(f"{mode}, {LATE * 1000:.0f} ms an answer", costs)
            judged += rate_targets(f"{mode}, {LATE * 1000:.0f} ms an answer", costs)
    _row(f"list of {OBJECTS:,}", "µs CPU an object")
    _row("---", "---:")
    for name, cost in objects.items():
        _row(name, f"{cost:.1f}")
    ratio = objects[SDK] / objects[OURS]
    judged.append((f"list of {OBJECTS:,}: {SDK}'s CPU, x ours", ratio, "≥ 20", ratio >= 20))
    print()
    _row("target", "measured", "wanted", "")
    _row("---", "---:", "---:", "---")
    for what, measured, wanted, met in judged:
        _row(what, f"{measured:.2f}", wanted, "met" if met else "**not met**")


if __name__ == "__main__":
    main()
