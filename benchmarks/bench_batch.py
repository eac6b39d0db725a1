"""What Prefect adds to a batch: the same orders through the same process, with Prefect and without, in turns."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from batch_at_scale import Worker, sandbox, write_orders
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

TURNS = 3
LATENCIES = (100, 0)
"""Milliseconds that Stripe takes for an operation: as it does at its fastest, and none at all, where all that counts is
the CPU of two cores, shared by the worker, the sandbox and Prefect's server."""


def main(count: int) -> None:
    """Print the seconds that each took, and the ratio of their medians; a sandbox of its own for each."""
    with TemporaryDirectory() as name, prefect_test_harness(server_startup_timeout=120):
        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        for latency in LATENCIES:
            _measure(Path(name), count, latency)


def _measure(folder: Path, count: int, latency_ms: int) -> None:
    seconds: dict[str, list[float]] = {"plain": [], "prefect": []}
    for turn in range(TURNS):
        for kind, taken in seconds.items():
            orders = folder / f"turn-{latency_ms}-{turn}.csv"
            write_orders(orders, f"TURN{latency_ms}-{turn}", count)
            with sandbox(latency_ms) as address:
                taken.append(Worker(folder, orders, address, kind).finish()[0])
    print(f"{count} orders, each operation {latency_ms} ms at Stripe:")
    for kind, taken in seconds.items():
        print(f"  {kind}: {', '.join(f'{one:.1f}' for one in taken)} s")
    added = median(seconds["prefect"]) / median(seconds["plain"]) - 1
    print(f"  Prefect adds {added:+.0%} (wanted: at most +15%: {'met' if added <= 0.15 else 'not met'})", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
