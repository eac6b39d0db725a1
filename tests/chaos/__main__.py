"""Breaks the lifecycles of invoices and payments in every manner, and says what did not hold."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from tests.chaos import report
from tests.chaos.cases import COMBINATIONS, Case, cases_at
from tests.chaos.matrix import PATHS_OF_ALL, Path, Testers
from tests.chaos.report import Tally
from tests.chaos.troubles import KILLS, TROUBLES

T = TypeVar("T")

PROGRESS_SECONDS = 20.0


def main(given: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 where something did not hold."""
    asked = arguments().parse_args(given)
    begun = time.monotonic()
    again = report.command(*(sys.argv[1:] if given is None else given))
    print(f"seed {asked.seed}; to see this run again: {again}", flush=True)
    if asked.prefect_case:
        return on_prefect(*(word for case in asked.prefect_case for word in ("--case", case)))
    paths = [path for path in PATHS_OF_ALL if not asked.path or any(word in ": ".join(path) for word in asked.path)]
    tally = Tally()
    with Testers(asked.processes) as testers:
        if asked.case or asked.schedule:
            some(asked, testers, tally)
        else:
            everything(asked, testers, tally, paths)
    print(report.matrix(tally, [": ".join(path) for path in paths]))
    held = tally.held
    if not held:
        print("\nDid not hold:\n" + report.findings(tally))
    if asked.prefect_cases and not (asked.case or asked.schedule):
        print(flush=True)
        held = on_prefect("--seed", asked.seed, "--sample", asked.prefect_cases) == 0 and held
    total = sum(tally.cases.values())
    print(
        f"\n{total} cases, {len(tally.findings)} of which did not hold; {tally.schedules} random schedules with "
        f"{tally.troubles} troubles, {len(tally.disturbed)} of which did not hold; seed {asked.seed}; "
        f"{(time.monotonic() - begun) / 60:.1f} minutes"
    )
    return 0 if held else 1


def on_prefect(*words: object) -> int:
    """Try out the cases that run on a Prefect server; 1 where something did not hold."""
    # In a process of its own, since Prefect reads which server it has when it is imported.
    command = [sys.executable, "-m", "tests.chaos.in_prefect", *map(str, words)]
    return subprocess.run(command).returncode


def everything(asked: argparse.Namespace, testers: Testers, tally: Tally, paths: Sequence[Path]) -> None:
    """Go the whole matrix, or a sample of it, and then the random schedules."""
    counts = testers.counts(paths)
    cases = [case for path in paths for place in range(1, counts[path] + 1) for case in cases_at(*path, place)]
    exchanges = sum(counts.values())
    troubles = f"{len(TROUBLES)} troubles and {len(KILLS)} kills"
    print(
        f"{len(paths)} paths, {exchanges} exchanges; {troubles}; {len(COMBINATIONS)} combinations with recoveries: "
        f"{len(cases)} cases\n\n{report.legend()}\n",
        flush=True,
    )
    draw = random.Random(asked.seed)
    # Shuffled, so that what is slow or fails is spread over the whole time.
    draw.shuffle(cases)
    cases = cases[: asked.sample]
    for result in told(testers.results(cases), len(cases), "cases", tally):
        tally.take(result)
        if result.problems:
            print(f"not held: {result.case}", file=sys.stderr, flush=True)
    for seen in told(testers.schedules(asked.seed, range(asked.schedules)), asked.schedules, "schedules", tally):
        tally.take_schedule(seen)
        if seen.problems:
            print(f"not held: schedule {seen.name}", file=sys.stderr, flush=True)


def some(asked: argparse.Namespace, testers: Testers, tally: Tally) -> None:
    """Go through what was named."""
    for result in testers.results(asked.case):
        tally.take(result)
    for text in asked.schedule:
        seed, _, number = text.partition(":")
        for seen in testers.schedules(int(seed), [int(number)]):
            print(f"schedule {text}: {seen.told}")
            tally.take_schedule(seen)


def told(items: Iterable[T], total: int, what: str, tally: Tally) -> Iterator[T]:
    """Hand on what comes, and say now and then how far it is."""
    begun = said = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if (now := time.monotonic()) - said > PROGRESS_SECONDS:
            said, left = now, (now - begun) / count * (total - count)
            wrong = len(tally.findings) + len(tally.disturbed)
            print(f"{count} of {total} {what}, {wrong} not held, {left / 60:.0f} min left", file=sys.stderr, flush=True)


def case_of(text: str) -> Case:
    """Read a case, with a message that argparse shows."""
    try:
        return Case.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def arguments() -> argparse.ArgumentParser:
    """Say what can be asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the schedules, and of a sample (1)")
    parser.add_argument("--schedules", type=int, default=3000, help="how many random schedules (3000)")
    parser.add_argument("--sample", type=int, help="so many of the cases, drawn at random, instead of all")
    parser.add_argument("--path", action="append", help="only paths with this in their name: 'invoice: paid'")
    parser.add_argument("--case", type=case_of, action="append", default=[], help="only this case, as it is reported")
    parser.add_argument("--schedule", action="append", default=[], help="only this schedule: SEED:NUMBER")
    parser.add_argument("--prefect-case", action="append", default=[], help="only this case on a Prefect server")
    parser.add_argument(
        "--processes", type=int, default=2 * (os.cpu_count() or 1), help="side by side; they wait half of the time"
    )
    parser.add_argument(
        "--prefect-cases", type=int, default=120, help="how many of the cases on a Prefect server, 0 for none (120)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
