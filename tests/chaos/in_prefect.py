"""The part of the matrix that runs on a Prefect server: `python -m tests.chaos.in_prefect`."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from examples.temporary_prefect import temporary_prefect


def main(given: Sequence[str] | None = None) -> int:
    """Start a server, try out the cases, and print their matrix; 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.in_prefect", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--case", action="append", default=[])
    asked = parser.parse_args(given)
    begun = time.monotonic()
    with ExitStack() as stack:
        # Entered before Prefect is imported, which reads then which server it has.
        stack.enter_context(temporary_prefect())
        from tests.chaos import report
        from tests.chaos.cases import Case
        from tests.chaos.prefect_cases import COMBINATIONS, MAIN_PATHS, Server

        logging.getLogger("prefect").setLevel(logging.CRITICAL)
        server, tally = Server(stack), report.Tally()
        every = list(server.cases())
        named = [Case.parse(text, COMBINATIONS) for text in asked.case]
        cases = named or random.Random(asked.seed).sample(every, len(every))
        for case in cases[: asked.sample]:
            tally.take(server.try_out(case))
    print(
        "The flows on a Prefect server, each run in a process of its own. A flow retry is had by breaking the worker's "
        "code\nafter the exchange; picked up is the same flow run, begun by a second process while the first waits, or "
        "has been killed.\n"
    )
    print(report.matrix(tally, [": ".join(path) for path in MAIN_PATHS]))
    if not tally.held:
        print("\nDid not hold on a Prefect server:\n" + report.findings(tally, "--prefect-case"))
    tried, minutes = sum(tally.cases.values()), (time.monotonic() - begun) / 60
    print(f"\n{tried} of {len(every)} cases on Prefect, {len(tally.findings)} not held; {minutes:.1f} minutes")
    return 0 if tally.held else 1


if __name__ == "__main__":
    sys.exit(main())
